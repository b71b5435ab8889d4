/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copy: what a container has written, copied by the engine: to a snapshot, to another
 * container, back from a snapshot. What is being made has a row that is marked as
 * deleted, so that whatever cuts the way leaves it to be removed.
 */
#ifndef BULKHEAD_API_COPY_H
#define BULKHEAD_API_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/lib/protocol.h"

struct api;
struct error;
struct request;

/*
 * Called once with what it has become, or err; in a transaction of nobody. The request
 * has to be answered.
 */
typedef void copy_cb(struct request *request, const struct copy_message *copy, const struct copy_reply_message *reply,
		     const struct error *err);

/* Asks the engine. -1: not begun, cb is not called. */
int copy_begin(struct request *request, const struct copy_message *message, copy_cb *cb, struct error *err);

/* True while something is being copied to this id. */
bool copy_busy(const char *id);

/* Answers with what went wrong: 503 for too many at a time, 409 for a state, 400 for what such a tree cannot be. */
void copy_fail(struct request *request, const struct error *err);

/* Asks the engine to remove the files of snapshots that are marked so, and removes the rows of those that went. */
void copy_resume(struct api *api);

#endif
