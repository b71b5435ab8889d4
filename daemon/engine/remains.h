/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remains: what a container has in the kernel besides its processes, and how it
 * is taken away. Errors are logged and do not stop the rest: an end must be
 * final. A new engine that finds a run-time folder does it all again.
 */
#ifndef BULKHEAD_REMAINS_H
#define BULKHEAD_REMAINS_H

#include <stdbool.h>

#include "daemon/lib/loop.h"

struct container;
struct error;

/* No packet, no connection: the first two steps of an end. */
void remains_network_close(const struct container *container);

/* What connection tracking knows of it; when it has ended, or it would be told anew. */
void remains_flows_forget(const struct container *container);

/* Kills every process of the container, its monitor and its start helper. */
void remains_kill(struct container *container);

/* True while one of them lives. */
bool remains_alive(const struct container *container);

/*
 * Link, groups, run-time folder of a container that has ended: in a child,
 * since the kernel waits for its readers when a link goes, and there may be a
 * thousand groups. Until cb nothing may reuse them. NULL: there was no child to be
 * had, all is done already and cb is not called.
 */
struct loop_source *remains_clean(struct loop *loop, const struct container *container, loop_child_cb *cb, void *data);

/* Groups that an end could not take away are in the way of a start. */
int remains_groups_remove(const struct container *container, struct error *err);

#endif
