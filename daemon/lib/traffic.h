/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traffic: how much a container may send, receive and open, whatever its rules allow:
 * {"connections", "new_per_second", "egress_rate", "ingress_rate"}, each a number or
 * null: no limit.
 */
#ifndef BULKHEAD_TRAFFIC_H
#define BULKHEAD_TRAFFIC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

enum traffic_kind {
	TRAFFIC_CONNECTIONS, /* at a time, in both directions; not those of the proxy */
	TRAFFIC_NEW,         /* of them, opened in a second */
	TRAFFIC_EGRESS,      /* bytes a second, of all that it sends */
	TRAFFIC_INGRESS,     /* and receives */
	TRAFFIC_KINDS,
};

struct traffic {
	uint64_t limits[TRAFFIC_KINDS]; /* 0: none */
};

/* path is for messages. -1 with err->field. */
int traffic_read(json_t *object, const char *path, struct traffic *ret_traffic, struct error *err);

/* As traffic_read() takes it; NULL without memory. */
json_t *traffic_json(const struct traffic *traffic);

/* Each limit becomes the smaller of the two. */
void traffic_narrow(struct traffic *traffic, const struct traffic *by);

bool traffic_none(const struct traffic *traffic);

/* "connections", ... */
const char *traffic_name(enum traffic_kind kind);

#endif
