/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/scope.h"
#include "daemon/audit/search.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/record.h"

enum { ASK_MS = 60000 };

const char *question_log(struct request *request)
{
	if (request->id[0] == '\0')
		return RECORD_HOST;
	return scope_open(request, &scopes[DOCUMENT_REALM]) == 1 ? request->id : NULL;
}

/* "2026-12-31T23:59:59Z", or how long ago: "90s", "15m", "24h", "7d". In microseconds since 1970. */
static int time_read(const char *text, const char *field, int64_t *ret_us, struct error *err)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end;
	long number = strtol(text, &end, 10);
	int64_t ms;

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (end != text && *text >= '0' && *text <= '9' && number < 100000000 && end[0] == units[i].letter && end[1] == '\0') {
			*ret_us = (time_now_ms() - number * units[i].seconds * 1000) * 1000;
			return *ret_us < 0 ? (*ret_us = 0) : 0;
		}
	}
	if (*text == '\0' || json_time(text, field, &ms, err) == -1)
		return error_field(err, field, "neither a time like 2026-12-31T23:59:59Z nor how long ago: 90s, 15m, 24h, 7d");
	*ret_us = ms * 1000;
	return 0;
}

/* "404", "4xx" or "400-499". */
static int status_read(const char *text, json_t *filters, struct error *err)
{
	int from, to, end = 0;

	if (strlen(text) == 3 && text[0] >= '1' && text[0] <= '9' && strcmp(text + 1, "xx") == 0) {
		from = (text[0] - '0') * 100;
		to = from + 99;
	} else if (sscanf(text, "%3d-%3d%n", &from, &to, &end) == 2 && text[end] == '\0' && end > 0) {
	} else if (end = 0, sscanf(text, "%3d%n", &from, &end) == 1 && text[end] == '\0' && end > 0) {
		to = from;
	} else {
		return error_field(err, "status", "neither 404 nor 4xx nor 400-499");
	}
	json_object_set_new(filters, "status_from", json_integer(from));
	json_object_set_new(filters, "status_to", json_integer(to));
	return 0;
}

json_t *question_make(struct request *request, const char *want)
{
	const char *id = question_log(request), *since = request_query(request, "since"), *until = request_query(request, "until"),
		   *status = request_query(request, "status");
	struct error err = ERROR_INIT;
	int64_t since_us = 0, until_us = INT64_MAX;

	if (id == NULL)
		return NULL;
	cleanup_json json_t *question = json_pack("{s:s, s:s}", "want", want, "realm", id), *filters = json_object();
	if ((since != NULL && time_read(since, "since", &since_us, &err) == -1) || (until != NULL && time_read(until, "until", &until_us, &err) == -1) ||
	    (status != NULL && status_read(status, filters, &err) == -1)) {
		request_fail_error(request, &err);
		return NULL;
	}
	for (size_t i = 0; i < search_filter_count; i++) {
		const char *value = search_filters[i].number ? NULL : request_query(request, search_filters[i].name);
		if (value != NULL)
			json_object_set_new(filters, search_filters[i].name, json_string(value));
	}
	json_object_set_new(question, "since", json_integer(since_us));
	json_object_set_new(question, "until", json_integer(until_us));
	json_object_set(question, "filters", filters);
	return json_incref(question);
}

int question_send(struct api *api, json_t *question, peer_answer_cb *cb, void *data, struct error *err)
{
	cleanup_fd int fd = json_memory("question", question, err);

	return fd == -1 ? -1 : peer_ask(api->records, MESSAGE_AUDIT_QUERY, NULL, 0, fd, ASK_MS, cb, data, err);
}
