/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * throttle: how many new connections a second a container may have (traffic.h), in table
 * inet bulkhead. (How many at a time is its class's: class.h; bytes a second: shaper.h.)
 * An element of a set of links, with an expression of its own that matches what is too
 * much, and a counter of what it matched: the rule that looks at the set drops it. A
 * container without a limit is not in it.
 */
#ifndef BULKHEAD_THROTTLE_H
#define BULKHEAD_THROTTLE_H

#include <jansson.h>

#include "daemon/lib/traffic.h"

struct error;

#define THROTTLE_SET "limit_new"

/* From before to now. What an element of an earlier engine said is replaced. The counter of what changes begins anew. */
int throttle_change(const char *link, const struct traffic *before, const struct traffic *now, struct error *err);

/* Puts [packets, bytes] that a link's limit has dropped into counts, by name. */
int throttle_count(const char *link, const struct traffic *traffic, json_t *counts, struct error *err);

#endif
