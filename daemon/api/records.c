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
#include "daemon/api/question.h"
#include "daemon/api/resources.h"
#include "daemon/audit/chain.h"
#include "daemon/audit/statistics.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/record.h"

enum {
	LIST_LIMIT = 100,
	LIST_MAX = 1000,
	EXPORT_LIMIT = 10000,
	COUNTINGS_MAX = 4,
};

/* The question goes out; -1: answered. */
static int ask(struct request *request, json_t *question, peer_answer_cb *cb, void *data)
{
	struct error err = ERROR_INIT;

	if (question_send(request->api, question, cb, data, &err) == 0)
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
	else if (fd_memory_read(answer->fd, QUESTION_ANSWER_MAX, &text, &size, &failure) == -1)
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

/* Counting takes long, and others wait for it: one of a log at a time, and a few together. */
struct counting {
	struct counting *next;
	struct request *request;
	char log[ID_TEXT];
};

static struct counting *countings;

/* NULL: answered. */
static struct counting *counting_begin(struct request *request, const char *log)
{
	int count = 0;
	bool busy = false;

	for (struct counting *other = countings; other != NULL; other = other->next) {
		busy = busy || strcmp(other->log, log) == 0;
		count++;
	}
	struct counting *counting = busy || count == COUNTINGS_MAX ? NULL : calloc(1, sizeof *counting);
	if (counting == NULL) {
		request_fail(request, 503, "unavailable", NULL, busy ? "this log is being counted already; wait for that answer" : "too many logs are being counted; try again");
		return NULL;
	}
	*counting = (struct counting){ .next = countings, .request = request };
	snprintf(counting->log, sizeof counting->log, "%.24s", log);
	countings = counting;
	return counting;
}

static struct request *counting_end(struct counting *counting)
{
	struct counting **link = &countings;
	struct request *request = counting->request;

	while (*link != counting)
		link = &(*link)->next;
	*link = counting->next;
	free(counting);
	return request;
}

static void counted(const struct message *answer, const struct error *err, void *data)
{
	json_came(answer, err, counting_end(data));
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
	struct counting *counting = counting_begin(request, json_string_value(json_object_get(question, "realm")));
	if (counting != NULL && ask(request, question, counted, counting) == -1)
		(void)counting_end(counting);
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
	return json_read_fd(answer->fd, QUESTION_ANSWER_MAX, err);
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
	const char *id = question_log(request), *chain = request_query(request, "chain");
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
