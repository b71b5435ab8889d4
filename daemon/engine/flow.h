/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow: what goes on between the host and a container's addresses: sockets of
 * the host (HAProxy's to the container) and entries of connection tracking.
 */
#ifndef BULKHEAD_FLOW_H
#define BULKHEAD_FLOW_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/rule.h"

struct error;

/*
 * Ends every TCP socket of the host whose peer is one of the two addresses
 * (SOCK_DESTROY of sock_diag(7)), but for those to the count ports in kept (host byte
 * order; NULL: none); its owner reads ECONNABORTED. To end all for good, call it after the
 * firewall is closed, so that no new one comes up.
 */
int flow_destroy(uint32_t ipv4, const uint8_t ipv6[16], const uint16_t *kept, size_t count, struct error *err);

/* Forgets tracked connections from and to the two addresses. */
int flow_forget(uint32_t ipv4, const uint8_t ipv6[16], struct error *err);

struct ruleset;

/* What the container with this address is in; NULL: no container has it. */
typedef const struct rule_groups *flow_peer_cb(const struct cidr *address);

/*
 * Looks through the tracked connections of a container, and forgets those that its
 * rules and published ports do not allow: their next packet is one of a new
 * connection, and refused. The others are not touched.
 */
int flow_review(uint32_t ipv4, const uint8_t ipv6[16], const struct ruleset *set, flow_peer_cb *peer, rule_set_holds_cb *set_holds,
		rule_name_holds_cb *name_holds, struct error *err);

#endif
