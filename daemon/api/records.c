/* SPDX-License-Identifier: GPL-2.0-or-later */
/* records: what the audit log of the host or of a realm has to say. The role `records` finds it; here questions are read and answers handed on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/api/scope.h"
#include "daemon/audit/search.h"
#include "daemon/audit/statistics.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/record.h"

enum {
	ASK_MS = 60000,
	LIST_LIMIT = 100,
	LIST_MAX = 1000,
	EXPORT_LIMIT = 10000,
	ANSWER_MAX = 16 << 20,
};

/* -- questions -- */

/* NULL: answered. */
static const char *log_of(struct request *request)
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

/* NULL: answered. */
static json_t *question_make(struct request *request, const char *want)
{
	const char *id = log_of(request), *since = request_query(request, "since"), *until = request_query(request, "until"),
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

/* The question goes out; -1: answered. */
static int ask(struct request *request, json_t *question, peer_answer_cb *cb, void *data)
{
	struct error err = ERROR_INIT;
	cleanup_fd int fd = json_memory("question", question, &err);

	if (fd != -1 && peer_ask(request->api->records, MESSAGE_AUDIT_QUERY, NULL, 0, fd, ASK_MS, cb, data, &err) == 0)
		return 0;
	request_fail_host(request, &err);
	return -1;
}

static void failed(struct request *request, const struct error *err)
{
	if (err->field[0] == '\0' && err->code == ENOENT)
		request_fail(request, 404, "not_found", NULL, "%s", err->message);
	else
		request_fail_host(request, err);
}

/* -- records, export, statistics -- */

static void json_came(const struct message *answer, const struct error *err, void *data)
{
	struct request *request = data;
	struct error failure = ERROR_INIT;
	cleanup_free char *text = NULL;
	size_t size;

	if (err != NULL)
		failed(request, err);
	else if (fd_memory_read(answer->fd, ANSWER_MAX, &text, &size, &failure) == -1)
		request_fail_host(request, &failure);
	else
		request_answer_text(request, "application/json", text, size);
}

static void lines_came(const struct message *answer, const struct error *err, void *data)
{
	struct request *request = data;
	struct stat st;

	if (err != NULL) {
		failed(request, err);
		return;
	}
	const struct audit_reply_message *reply = answer->payload;
	cleanup_fd int fd = fcntl(answer->fd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1 || fstat(fd, &st) == -1) {
		request_fail(request, 500, "internal", NULL, "the host failed at this; its log says why");
		return;
	}
	request_answer_add(request, "X-Next-Cursor", "%lld", (long long)reply->next);
	request_answer_add(request, "X-More", "%s", reply->more ? "true" : "false");
	request_answer_file(request, "application/x-ndjson", fd_steal(&fd), (uint64_t)st.st_size);
}

static void records(struct request *request)
{
	const char *order = request_query(request, "order");
	int64_t limit, before, after;

	if (order != NULL && strcmp(order, "newest") != 0 && strcmp(order, "oldest") != 0) {
		request_fail(request, 400, "invalid", "order", "the query parameter order must be newest or oldest");
		return;
	}
	if (request_query_number(request, "limit", LIST_LIMIT, 1, LIST_MAX, &limit) == -1 ||
	    request_query_number(request, "before", INT64_MAX, 0, INT64_MAX, &before) == -1 || request_query_number(request, "after", 0, 0, INT64_MAX, &after) == -1)
		return;
	cleanup_json json_t *question = question_make(request, "records");
	if (question == NULL)
		return;
	json_object_set_new(question, "limit", json_integer(limit));
	json_object_set_new(question, "before", json_integer(before));
	json_object_set_new(question, "after", json_integer(after));
	json_object_set_new(question, "newest_first", json_boolean(order == NULL || strcmp(order, "newest") == 0));
	(void)ask(request, question, json_came, request);
}

static void export(struct request *request)
{
	int64_t limit, after;

	if (request_query_number(request, "limit", EXPORT_LIMIT, 1, EXPORT_LIMIT, &limit) == -1 ||
	    request_query_number(request, "after", 0, 0, INT64_MAX, &after) == -1)
		return;
	cleanup_json json_t *question = question_make(request, "lines");
	if (question == NULL)
		return;
	json_object_set_new(question, "limit", json_integer(limit));
	json_object_set_new(question, "after", json_integer(after));
	(void)ask(request, question, lines_came, request);
}

static void statistics(struct request *request)
{
	const char *by = request_query(request, "by");
	int64_t top;

	if (by != NULL && !statistics_by(by)) {
		request_fail(request, 400, "invalid", "by", "the query parameter by must be minute, hour, day or a field of records that can be counted by");
		return;
	}
	if (request_query_number(request, "top", 100, 1, 1000, &top) == -1)
		return;
	cleanup_json json_t *question = question_make(request, "statistics");
	if (question == NULL)
		return;
	json_object_set_new(question, "by", json_string(by == NULL ? "hour" : by));
	json_object_set_new(question, "top", json_integer(top));
	(void)ask(request, question, json_came, request);
}

/* -- verification -- */

/* A log is gone through in parts, so that others get their answers in between. */
struct verifying {
	struct request *request;
	char id[ID_TEXT];
	int64_t first; /* record kept; 0: not known yet */
};

static void part_came(const struct message *answer, const struct error *err, void *data);

static void part_ask(struct verifying *verifying, int64_t after)
{
	cleanup_json json_t *question = json_pack("{s:s, s:s, s:I}", "want", "verification", "realm", verifying->id, "after", (json_int_t)after);

	if (ask(verifying->request, question, part_came, verifying) == -1)
		free(verifying);
}

static json_t *answer_json(const struct message *answer, struct error *err)
{
	return json_read_fd(answer->fd, ANSWER_MAX, err);
}

static void part_came(const struct message *answer, const struct error *err, void *data)
{
	struct verifying *verifying = data;
	struct request *request = verifying->request;
	struct error failure = ERROR_INIT;
	cleanup_json json_t *found = err != NULL ? NULL : answer_json(answer, &failure);

	if (found == NULL) {
		failed(request, err != NULL ? err : &failure);
		free(verifying);
		return;
	}
	json_int_t last = json_integer_value(json_object_get(found, "last"));
	json_t *problem = json_object_get(found, "problem");
	if (verifying->first == 0)
		verifying->first = json_integer_value(json_object_get(found, "first"));
	if (json_is_null(problem) && json_is_false(json_object_get(found, "done"))) {
		part_ask(verifying, last);
		return;
	}
	request_answer(request, 200, json_pack("{s:b, s:O, s:I, s:I, s:O}", "intact", json_is_null(problem), "problem", problem, "first", (json_int_t)verifying->first,
					       "seq", last, "chain", json_object_get(found, "chain")));
	free(verifying);
}

static void link_came(const struct message *answer, const struct error *err, void *data)
{
	struct verifying *verifying = data;
	struct error failure = ERROR_INIT;
	cleanup_json json_t *found = err != NULL ? NULL : answer_json(answer, &failure);

	if (found == NULL) {
		failed(verifying->request, err != NULL ? err : &failure);
	} else if (json_is_false(json_object_get(found, "same"))) {
		request_answer(verifying->request, 200, json_pack("{s:b, s:s}", "intact", 0, "problem", "that record has another chain now: what is before it was changed"));
	} else {
		part_ask(verifying, 0);
		return;
	}
	free(verifying);
}

static void verify(struct request *request)
{
	const char *id = log_of(request), *chain = request_query(request, "chain");
	int64_t seq;

	if (id == NULL || request_query_number(request, "seq", 0, 1, INT64_MAX, &seq) == -1)
		return;
	if ((seq != 0) != (chain != NULL) || (chain != NULL && !hex_valid(chain, 2 * CHAIN_BYTES))) {
		request_fail(request, 400, "invalid", "chain", "seq and chain go together, as an earlier answer had them");
		return;
	}
	struct verifying *verifying = calloc(1, sizeof *verifying);
	if (verifying == NULL) {
		request_fail(request, 503, "unavailable", NULL, "no memory for this");
		return;
	}
	*verifying = (struct verifying){ .request = request };
	snprintf(verifying->id, sizeof verifying->id, "%.24s", id);
	if (seq == 0) {
		part_ask(verifying, 0);
		return;
	}
	cleanup_json json_t *question = json_pack("{s:s, s:s, s:I, s:s}", "want", "link", "realm", id, "seq", (json_int_t)seq, "chain", chain);
	if (ask(request, question, link_came, verifying) == -1)
		free(verifying);
}

#define HANDLERS(noun) \
	void noun##_audit_records(struct request *request) \
	{ \
		records(request); \
	} \
	void noun##_audit_export(struct request *request) \
	{ \
		export(request); \
	} \
	void noun##_audit_statistics(struct request *request) \
	{ \
		statistics(request); \
	} \
	void noun##_audit_verify(struct request *request) \
	{ \
		verify(request); \
	}

HANDLERS(host)
HANDLERS(realms)
