/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * throttle: a container's rates of traffic (traffic.h) in table inet bulkhead; how many
 * connections it has at a time is its class's (class.h). Each is an element of a set of links, with an expression of its own that matches what is too
 * much, and a counter of what it matched: the rule that looks at the set drops it. A
 * container without limits is in none of them.
 */
#ifndef BULKHEAD_THROTTLE_H
#define BULKHEAD_THROTTLE_H

#include <jansson.h>
#include <stdio.h>

#include "daemon/lib/traffic.h"

struct error;

/* From before to now. What an element of an earlier engine said is replaced. Counters of what changes begin anew. */
int throttle_change(const char *link, const struct traffic *before, const struct traffic *now, struct error *err);

/* Puts [packets, bytes] that a link's limits have dropped into counts, by name. */
int throttle_count(const char *link, json_t *counts, struct error *err);

/* The set of a kind; NULL for TRAFFIC_CONNECTIONS. */
const char *throttle_set(enum traffic_kind kind);

#endif
