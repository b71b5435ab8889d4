/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * containers: the row of one container in its other two shapes.
 */
#ifndef BULKHEAD_CONTAINERS_H
#define BULKHEAD_CONTAINERS_H

#include "daemon/api/request.h"
#include "daemon/lib/protocol.h"

struct api;
struct error;

/* Answers with the container, or 404 when it has been deleted meanwhile. */
void container_answer(struct request *request, unsigned int status, const char *id);

/* 1 if the caller sees the container of the request, 0 if there is none for it, -1 with err. */
int container_visible(struct request *request, struct error *err);

/*
 * Begins a transaction in which the container of the request is wanted to run. True:
 * the caller commits; *ret_state is as of runtime_state(). False: it was answered.
 */
bool container_want(struct request *request, int64_t *ret_state);

/* Writes what is wanted of the container of the request; 1 done, 0 no such container, -1 with err. */
int container_wanted_set(struct request *request, enum container_wanted wanted, struct error *err);

/* Answers 503 and returns true while the host goes down: what would start now is stopped by nobody. */
bool container_host_goes_down(struct request *request);

/* Fills the engine's frame from the store. ENOENT: no such container, or it has its tombstone. */
int container_message_fill(struct api *api, const char *id, struct container_message *message, struct error *err);

/* The frame of its route. */
int container_route_fill(struct api *api, const char *id, struct route_message *message, struct error *err);

/* How the API spells a state; -1: not known yet. */
const char *container_state_name(int64_t state, bool wanted);

#endif
