/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * call: a request to the API with JSON on both sides. The API's error answers
 * ({"error":{"code","message","field"}}) become struct error.
 */
#ifndef BULKHEAD_CALL_H
#define BULKHEAD_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct error;
struct http_request;
struct http_target;

/*
 * Sends body (borrowed; NULL: none) and gives the answer's object or array, or
 * JSON null where the answer has no body. The caller has the reference.
 */
int call_json(const struct http_target *target, const char *method, const char *path, json_t *body, json_t **ret_answer,
	      struct error *err);

/*
 * GETs a list (path without a query) page by page and gives it whole, in the shape of one page:
 * {"items": [...], "next": null}.
 */
int call_list(const struct http_target *target, const char *path, json_t **ret_answer, struct error *err);

/* The same as call_json with a request made by the caller, for uploads. */
int call_request(const struct http_target *target, const struct http_request *request, json_t **ret_answer,
		 struct error *err);

/* Percent-escapes everything but unreserved characters (RFC 3986). False if it does not fit. */
bool call_escape(const char *text, char *out, size_t size);

#endif
