/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lifecycle: carries out what the store says about containers, through engine
 * and gate, and takes in what they report.
 *
 * Every step begins with a commit; what is cut off by a crash is resumed from
 * the store (lifecycle_resume, lifecycle_sync_*).
 */
#ifndef BULKHEAD_LIFECYCLE_H
#define BULKHEAD_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/lib/protocol.h"

struct api;
struct error;
struct request;

/*
 * Starts a container whose row says wanted. The request (or NULL) is answered
 * with the container and this status: at once, or with wait when it runs, has
 * failed, or did neither in a minute.
 */
void lifecycle_begin(struct api *api, const char *id, struct request *request, unsigned int status, bool wait);

/* Stops a container whose row says stopped, and answers 200 with it. */
void lifecycle_end(struct api *api, const char *id, struct request *request, int64_t timeout_ms);

/*
 * Ends a container that has its tombstone: route, then the engine's revocation,
 * then the answer 204, then the slow cleaning. request may be NULL.
 */
void lifecycle_remove(struct api *api, const char *id, struct request *request);

/* Tells the whole truth to a peer that has started. */
void lifecycle_sync_engine(struct api *api);
void lifecycle_sync_gate(struct api *api);

/* Goes on with every removal that nobody is at. */
void lifecycle_resume(struct api *api);

/* An event of the engine. */
void lifecycle_state(struct api *api, const struct container_state_message *state);

/* The host goes down: stops every container, keeping what is wanted; then the loop ends. */
void lifecycle_stop_all(struct api *api);

#endif
