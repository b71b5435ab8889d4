/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cli/http.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { LIST_PATH_MAX = 512, CURSOR_MAX = 64, LIST_PAGE = 200 /* the most that the API gives at a time */ };

/* The kinds that callers tell apart; the rest is EPROTO. */
static int status_errno(long status)
{
	switch (status) {
	case 400:
	case 415:
	case 422:
		return EINVAL;
	case 401:
	case 403:
		return EACCES;
	case 404:
		return ENOENT;
	case 409:
		return EEXIST;
	case 413:
		return EFBIG;
	case 503:
		return EAGAIN;
	}
	return EPROTO;
}

static int answer_error(long status, json_t *answer, struct error *err)
{
	const char *code = NULL, *message = NULL, *field = NULL;

	/* Whatever lacks stays NULL; a proxy's error page has none of them. */
	(void)json_unpack(answer, "{s:{s?s,s?s,s?s}}", "error", "code", &code, "message", &message, "field", &field);
	if (message == NULL)
		return error_set(err, status_errno(status), "the host answered with HTTP status %ld", status);
	error_set(err, status_errno(status), "%s (%s)", message, code != NULL ? code : "no code");
	if (field != NULL)
		snprintf(err->field, sizeof err->field, "%s", field);
	return -1;
}

int call_request(const struct http_target *target, const struct http_request *request, json_t **ret_answer,
		 struct error *err)
{
	struct http_reply reply;
	json_error_t problem;

	if (http_perform(target, request, &reply, err) < 0)
		return -1;
	json_t *answer = reply.size == 0 ? json_null() : json_loadb(reply.body, reply.size, 0, &problem);
	long status = reply.status;
	http_reply_clear(&reply);
	if (status < 200 || status > 299) {
		answer_error(status, answer, err);
		json_decref(answer);
		return -1;
	}
	if (answer == NULL)
		return error_set(err, EPROTO, "the host's answer is not JSON: %s", problem.text);
	*ret_answer = answer;
	return 0;
}

int call_json(const struct http_target *target, const char *method, const char *path, json_t *body, json_t **ret_answer,
	      struct error *err)
{
	cleanup_free char *text = NULL;
	struct http_request request = { .method = method, .path = path, .body_fd = -1 };

	if (body != NULL) {
		text = json_dumps(body, JSON_COMPACT);
		if (text == NULL)
			return error_set(err, ENOMEM, "out of memory");
		request.content_type = "application/json";
		request.body = text;
		request.body_size = strlen(text);
	}
	return call_request(target, &request, ret_answer, err);
}

static void json_cleanup(json_t **json)
{
	json_decref(*json);
}

#define cleanup_json __attribute__((cleanup(json_cleanup)))

/* Puts the items behind the cursor into list and moves it on; "" before the first page and behind the last. */
static int page_get(const struct http_target *target, const char *path, char cursor[CURSOR_MAX + 1], json_t *list,
		    struct error *err)
{
	char query[LIST_PATH_MAX], after[3 * CURSOR_MAX + 1];
	cleanup_json json_t *page = NULL;

	if (!call_escape(cursor, after, sizeof after) ||
	    (size_t)snprintf(query, sizeof query, "%s?limit=%d%s%s", path, LIST_PAGE, cursor[0] != '\0' ? "&after=" : "",
			     after) >= sizeof query)
		return error_set(err, E2BIG, "the address of the list is too long");
	if (call_json(target, "GET", query, NULL, &page, err) < 0)
		return -1;
	json_t *items = json_object_get(page, "items"), *next = json_object_get(page, "next");
	const char *text = json_is_null(next) ? "" : json_string_value(next);
	if (!json_is_array(items) || text == NULL || strlen(text) > CURSOR_MAX)
		return error_set(err, EPROTO, "the host's answer is not a page of a list");
	/* Pages are ordered by id, so this comes to an end whatever the host answers. */
	if (text[0] != '\0' && strcmp(text, cursor) <= 0)
		return error_set(err, EPROTO, "the host's list goes in a circle");
	strcpy(cursor, text);
	return json_array_extend(list, items) < 0 ? error_set(err, ENOMEM, "out of memory") : 0;
}

int call_list(const struct http_target *target, const char *path, json_t **ret_answer, struct error *err)
{
	cleanup_json json_t *list = json_array(), *answer = json_pack("{s:O, s:n}", "items", list, "next");
	char cursor[CURSOR_MAX + 1] = "";

	if (answer == NULL)
		return error_set(err, ENOMEM, "out of memory");
	do {
		if (page_get(target, path, cursor, list, err) < 0)
			return -1;
	} while (cursor[0] != '\0');
	*ret_answer = steal_pointer(&answer);
	return 0;
}

bool call_escape(const char *text, char *out, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;
		bool keep = strchr(plain, *text) != NULL;
		size_t need = keep ? 1 : 3;

		if (size <= need)
			return false;
		if (keep) {
			*out++ = *text;
		} else {
			*out++ = '%';
			*out++ = digits[byte >> 4];
			*out++ = digits[byte & 15];
		}
		size -= need;
	}
	if (size == 0)
		return false;
	*out = '\0';
	return true;
}
