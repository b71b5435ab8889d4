/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stub_request: requests without HTTP. A handler is called with stub.request;
 * what it answers stands in stub.
 */
#ifndef BULKHEAD_TESTS_STUB_REQUEST_H
#define BULKHEAD_TESTS_STUB_REQUEST_H

#include "daemon/api/api.h"
#include "daemon/api/request.h"

struct stub {
	struct api api;
	struct request request;
	const char *name, *realm, *key; /* query parameters, and the header Idempotency-Key; or NULL */
	unsigned int status;            /* 0: not answered yet */
	char code[32], field[64];       /* of an error, else "" */
	json_t *body;
	int64_t now_ms;                 /* what time_now_ms() says */
};

extern struct stub stub;

/* A store with its tables, a caller of the whole platform. */
void stub_open(void);
void stub_close(void);

/* Runs a handler from a clean slate; body is JSON or NULL. Returns the status. */
unsigned int stub_call(request_handler *handler, const char *body);

/* Runs a statement; ?1 is text. */
void stub_sql(const char *sql, const char *text);
int64_t stub_count(const char *sql);

#endif
