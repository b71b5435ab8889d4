/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer: what a request was answered with, on its way to the client.
 */
#ifndef BULKHEAD_API_ANSWER_H
#define BULKHEAD_API_ANSWER_H

#include <microhttpd.h>

struct request;

/*
 * Hands the answer to libmicrohttpd. A file is read as the client takes it, at
 * ANSWER_PACE in ANSWER_MS at least; else the connection is cut.
 */
enum MHD_Result answer_queue(struct request *request);

enum {
	ANSWER_MS = 60000,
	ANSWER_PACE = 1 << 20, /* bytes */
};

#endif
