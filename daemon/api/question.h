/* SPDX-License-Identifier: GPL-2.0-or-later */
/* question: what is asked of the role `records` about the log of the host or of a realm (audit/records.c). */
#ifndef BULKHEAD_API_QUESTION_H
#define BULKHEAD_API_QUESTION_H

#include <jansson.h>

#include "daemon/api/peer.h"
#include "daemon/api/request.h"

struct api;

enum { QUESTION_ANSWER_MAX = 16 << 20 };

/* Of the request's path and filters; NULL: answered. The caller's reference. */
json_t *question_make(struct request *request, const char *want);

/* Whose log the request is about; NULL: answered. */
const char *question_log(struct request *request);

int question_send(struct api *api, json_t *question, peer_answer_cb *cb, void *data, struct error *err);

#endif
