/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * feed: keeps HAProxy's map equal to the route table, and tells the asker when
 * HAProxy has taken a change.
 *
 * A fresh HAProxy gets the whole table as one atomic exchange (prepare map, add
 * map, commit map); later changes go one by one.
 */
#ifndef BULKHEAD_FEED_H
#define BULKHEAD_FEED_H

#include <stdint.h>

#include "daemon/gate/route_table.h"

struct error;
struct feed;
struct haproxy;
struct loop;

/* Answers one request: code 0, or an errno value with a message. */
typedef void feed_done_cb(uint64_t serial, int code, const char *message, void *data);

struct feed *feed_new(struct loop *loop, const char *socket_path, feed_done_cb *done, void *data, struct error *err);

/* The connection that it keeps, for other commands. */
struct haproxy *feed_haproxy(struct feed *feed);

/* serial is answered through done, once; serial 0 is not answered. On -1 nothing changed. feed_set() takes route over in any case. */
int feed_set(struct feed *feed, struct route *route, uint64_t serial, struct error *err);

/* With the aliases that it owns. */
int feed_remove(struct feed *feed, const char *label, uint64_t serial, struct error *err);

/* Exchanges the whole table; takes the routes over and leaves *table empty. */
int feed_replace(struct feed *feed, struct route_table *table, uint64_t serial, struct error *err);

/* What is fed. */
const struct route_table *feed_table(const struct feed *feed);

/*
 * Asks of every route whether it is guarded, and tells HAProxy of those that have changed; done once it has all. -1 with
 * err: nothing is changed.
 */
typedef bool feed_guarded_cb(const struct route *route, void *data);
int feed_guard(struct feed *feed, feed_guarded_cb *guarded, void *data, uint64_t serial, struct error *err);

#endif
