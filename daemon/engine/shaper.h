/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shaper: how many bytes a second a container's link carries (traffic.h), by the kernel's
 * traffic control on the host's end, out of the container's reach (tc(8), rtnetlink(7)).
 *
 * What goes to the container waits its turn in fair queues that stay short (tc-tbf(8),
 * tc-fq_codel(8) in it). What comes from it is dropped beyond the rate (act_police): the
 * queue for that would be at the container's own end, where its root could remove it.
 */
#ifndef BULKHEAD_SHAPER_H
#define BULKHEAD_SHAPER_H

#include <jansson.h>

#include "daemon/lib/traffic.h"

struct error;

/*
 * Gives a link these rates, or frees it of those that it had; before: which those are, NULL: unknown. The counter of what
 * changes begins anew. No such link: nothing to do, they come when it is made.
 */
int shaper_set(const char *link, const struct traffic *before, const struct traffic *now, struct error *err);

/* Puts [packets dropped, times that packets had to wait] for a link's rates into counts, by name. */
int shaper_count(const char *link, const struct traffic *traffic, json_t *counts, struct error *err);

#endif
