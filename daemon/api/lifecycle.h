/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lifecycle: starts and stops containers as the store says, through engine and
 * gate. Every step begins with a commit; what is cut off by a crash is in the
 * store, and the peers are told it anew (sync.h).
 */
#ifndef BULKHEAD_LIFECYCLE_H
#define BULKHEAD_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

struct api;
struct request;

/*
 * Starts a container whose row says wanted. The request is answered with the
 * container and this status: at once, or with wait when it runs, has failed, or
 * did neither in a minute.
 */
void lifecycle_begin(struct api *api, const char *id, struct request *request, unsigned int status, bool wait);

/* Stops a container whose row says stopped, and answers 200 with it. */
void lifecycle_end(struct api *api, const char *id, struct request *request, int64_t timeout_ms);

/* The host goes down: stops every container, keeping what is wanted; then the loop ends. */
void lifecycle_stop_all(struct api *api);

#endif
