/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * publish: ports of the host that lead to containers: elements of the maps publish4
 * and publish6 of table inet bulkhead, which destination NAT reads.
 */
#ifndef BULKHEAD_PUBLISH_H
#define BULKHEAD_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct published;

/*
 * From the ports that lead to a container to those that should, in one transaction. A
 * port that leads elsewhere is taken over. ipv4: network byte order.
 */
int publish_change(uint32_t ipv4, const uint8_t ipv6[16], const struct published *before, size_t before_count, const struct published *after,
		   size_t after_count, struct error *err);

/* Whether one of a list is the same port of the host. */
bool publish_takes(const struct published *port, const struct published *list, size_t count);

/* The same, leading to the same port. */
bool publish_among(const struct published *port, const struct published *list, size_t count);

#endif
