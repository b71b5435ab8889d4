/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * operation: one thing that is under way with a container, from its request to
 * the last answer of engine and gate.
 */
#ifndef BULKHEAD_API_OPERATION_H
#define BULKHEAD_API_OPERATION_H

#include "daemon/lib/hex.h"

struct api;
struct request;

struct operation {
	struct api *api;
	struct request *request; /* or NULL; answered at most once */
	char id[ID_TEXT];
	unsigned int status;     /* of the answer */
	int open;                /* answers still to come */
};

enum {
	OPERATION_ROUTE_MS = 5000,        /* what the gate may take for a route */
	OPERATION_STOP_MARGIN_MS = 15000, /* what the engine may take beyond the container's own time */
};

/* free() ends it. Without memory it answers the request and returns NULL. */
struct operation *operation_new(struct api *api, const char *id, struct request *request);

#endif
