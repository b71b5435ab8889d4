/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tail: new records of a log as they come, as an event stream (WHATWG HTML, 9.2, "Server-sent events"): each is an event
 * "record" with its seq as id, so that a client that was cut off goes on with Last-Event-ID. It ends with its token.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/auth.h"
#include "daemon/api/question.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/record.h"

enum {
	TAILS_MAX = 32,
	TAILS_OF_TOKEN_MAX = 8,
	LOOK_MS = 500,
	BEAT_MS = 15000, /* a client that is gone is noticed so */
	LIMIT = 500,
};

struct tail {
	struct tail *next;
	struct request *request; /* NULL: it is gone */
	char token[ID_TEXT];
	struct loop_source *timer;
	json_t *question;        /* owned */
	int64_t after;           /* seq; -1: what is there already has to be found first */
	int64_t spoke_ms;
	bool asking;
};

static struct tail *tails;
static int tail_count;

static void tail_free(struct tail *tail)
{
	struct tail **link = &tails;

	while (*link != tail)
		link = &(*link)->next;
	*link = tail->next;
	tail_count--;
	loop_remove(tail->timer);
	json_decref(tail->question);
	free(tail);
}

static void closed(void *data)
{
	struct tail *tail = data;

	tail->request = NULL;
	if (!tail->asking)
		tail_free(tail);
}

/* Whether its token still opens this. */
static bool allowed(struct request *request)
{
	struct error err = ERROR_INIT;
	int64_t valid = 1;

	if (request->caller.token[0] != '\0' &&
	    store_number(request->api->store, &err, 0, &valid, "SELECT 1 FROM tokens WHERE id = ? AND (expires IS NULL OR expires > ?)", "si", request->caller.token,
			 time_now_ms()) == -1)
		return false;
	return valid == 1 && (request->id[0] == '\0' || caller_sees_realm(request->api->store, &request->caller, request->id, &err) == 1);
}

/* Each line as an event. False: the client does not read. */
static bool events_send(struct tail *tail, char *text)
{
	for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n")) {
		long long seq;
		cleanup_free char *event = NULL;
		if (sscanf(line, "{\"seq\":%lld", &seq) != 1)
			continue;
		int size = asprintf(&event, "id: %lld\nevent: record\ndata: %s\n\n", seq, line);
		if (size == -1 || !request_stream_send(tail->request, event, (size_t)size))
			return false;
		tail->spoke_ms = time_monotonic_ms();
	}
	return true;
}

static void look_again(struct tail *tail, int64_t ms)
{
	struct error err = ERROR_INIT;

	if (loop_set_timer(tail->timer, ms, &err) == -1)
		log_error("%s", err.message);
}

/* A "next" of newest first is behind the newest record: its seq is the first thing in the answer. */
static int64_t newest_of(const char *text)
{
	long long seq;

	return sscanf(text, "{\"seq\":%lld", &seq) == 1 ? seq : 0;
}

static void found(const struct message *answer, const struct error *err, void *data)
{
	struct tail *tail = data;
	struct error failure = ERROR_INIT;
	cleanup_free char *text = NULL;
	int64_t wait = LOOK_MS;
	size_t size;

	tail->asking = false;
	if (tail->request == NULL) {
		tail_free(tail);
		return;
	}
	/* Who reads the log starts again by itself. */
	if (err == NULL && fd_memory_read(answer->fd, QUESTION_ANSWER_MAX, &text, &size, &failure) == 0) {
		const struct audit_reply_message *reply = answer->payload;
		if (tail->after == -1) {
			tail->after = newest_of(text);
		} else {
			tail->after = size > 0 || reply->more ? reply->next : tail->after;
			wait = reply->more ? 0 : LOOK_MS;
			if (!events_send(tail, text)) {
				request_stream_end(tail->request);
				return;
			}
		}
	}
	look_again(tail, wait);
}

static void look(void *data)
{
	struct tail *tail = data;
	struct error err = ERROR_INIT;
	int64_t now = time_monotonic_ms();

	if (!allowed(tail->request)) {
		request_stream_end(tail->request);
		return;
	}
	if (now - tail->spoke_ms >= BEAT_MS) {
		(void)request_stream_send(tail->request, ":\n\n", 3);
		tail->spoke_ms = now;
	}
	look_again(tail, LOOK_MS);
	if (!request_stream_idle(tail->request) && tail->after != -1)
		return; /* it has to read first */
	json_object_set_new(tail->question, "after", json_integer(tail->after == -1 ? 0 : tail->after));
	json_object_set_new(tail->question, "limit", json_integer(tail->after == -1 ? 1 : LIMIT));
	json_object_set_new(tail->question, "newest_first", json_boolean(tail->after == -1));
	if (question_send(tail->request->api, tail->question, found, tail, &err) == 0) {
		tail->asking = true;
		look_again(tail, -1);
	}
}

static int tails_of(const char *token)
{
	int count = 0;

	for (const struct tail *tail = tails; tail != NULL; tail = tail->next)
		count += strcmp(tail->token, token) == 0;
	return count;
}

static void tail_begin(struct request *request)
{
	const char *last = request_header(request, "Last-Event-ID");
	struct error err = ERROR_INIT;
	char *end = NULL;

	cleanup_json json_t *question = question_make(request, "lines");
	if (question == NULL)
		return;
	int64_t after = last == NULL ? -1 : strtoll(last, &end, 10);
	if (last != NULL && (*last < '0' || *last > '9' || *end != '\0')) {
		request_fail(request, 400, "invalid", "Last-Event-ID", "Last-Event-ID is no seq of a record");
		return;
	}
	struct tail *tail = tail_count < TAILS_MAX && tails_of(request->caller.token) < TAILS_OF_TOKEN_MAX ? calloc(1, sizeof *tail) : NULL;
	if (tail == NULL) {
		request_fail(request, 409, "limit", NULL, "%d streams of records are open, %d of this token; close one", tail_count, tails_of(request->caller.token));
		return;
	}
	*tail = (struct tail){ .next = tails, .request = request, .question = json_incref(question), .after = after, .spoke_ms = time_monotonic_ms() };
	snprintf(tail->token, sizeof tail->token, "%s", request->caller.token);
	tails = tail;
	tail_count++;
	tail->timer = loop_add_timer(request->api->loop, 0, look, tail, &err);
	if (tail->timer == NULL) {
		tail_free(tail);
		request_fail_error(request, &err);
		return;
	}
	request_answer_stream(request, "text/event-stream", closed, tail);
	if (request->outflow != NULL)
		(void)request_stream_send(request, ":\n\n", 3); /* so that the head goes out */
}

void host_audit_tail(struct request *request)
{
	tail_begin(request);
}

void realms_audit_tail(struct request *request)
{
	tail_begin(request);
}
