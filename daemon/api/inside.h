/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inside: what all calls share that reach into a container.
 */
#ifndef BULKHEAD_API_INSIDE_H
#define BULKHEAD_API_INSIDE_H

#include <stdbool.h>

#include "daemon/lib/error.h"

struct request;

/* True, and request->realm set, if the container that the path names is the caller's and runs; else the request is answered: 404, or 409 with its state. */
bool inside_open(struct request *request);

/*
 * Answers with what the engine, or a process of it inside the container, could not
 * do: EEXIST and EMLINK are 409, as for calls of api itself.
 */
void inside_fail(struct request *request, const struct error *err);

#endif
