/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netdev: the routed veth pair of a container. The host side answers as
 * 169.254.0.1 and fe80::1 (gateway.h), has a route to the container's two addresses and
 * nothing else: no bridge, no neighbours.
 */
#ifndef BULKHEAD_NETDEV_H
#define BULKHEAD_NETDEV_H

#include <stdint.h>

struct error;

/* Turns forwarding on, and gives the host the resolver's address. Uplinks go on taking router advertisements: hostnet_apply() has set accept_ra to 2. */
int netdev_init(struct error *err);

/* Makes both ends in this network namespace and sets up the host side. A pair left over is replaced. */
int netdev_create(const char *host, const char *peer, uint32_t ipv4, const uint8_t ipv6[16], struct error *err);

/* Removes the pair by the name of its host side; gone already is success. */
int netdev_delete(const char *host, struct error *err);

#endif
