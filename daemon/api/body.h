/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * body: what comes behind the head of a request: how much, of what type, how
 * fast. JSON, or what stands where no body belongs, has an absolute deadline; an
 * upload has a pace. Whoever sends a byte a minute keeps no connection.
 */
#ifndef BULKHEAD_API_BODY_H
#define BULKHEAD_API_BODY_H

#include "daemon/api/request.h"

/* The declared size; UINT64_MAX if it comes in chunks, 0 without a body. */
uint64_t body_declared(struct request *request);

/* Looks at type and size that the head declares. False: answered. */
bool body_head_check(struct request *request);

/* Answers that the body is too large, or that none belongs here. */
void body_refuse(struct request *request);

/* Begins to wait for the body, also for one that is only thrown away. False, as below. */
bool body_begin(struct request *request);

/*
 * Takes a part of it into request->body or the upload, or throws it away once
 * the request is answered. False: too slow or too much, the connection has to be
 * cut.
 */
bool body_take(struct request *request, const char *data, size_t size);

#endif
