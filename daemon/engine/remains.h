/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remains: what a container has in the kernel besides its processes, and how it
 * is taken away. Errors are logged and do not stop the rest: an end must be
 * final. A new engine that finds a run-time folder does it all again.
 */
#ifndef BULKHEAD_REMAINS_H
#define BULKHEAD_REMAINS_H

#include <stdbool.h>

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
 * Link, groups, run-time folder. The container has ended.
 * Some tens of milliseconds: the kernel waits for its readers when a link or a
 * group goes.
 */
void remains_clean(const struct container *container);

/* Groups that an end could not take away are in the way of a start. */
int remains_groups_remove(const struct container *container, struct error *err);

#endif
