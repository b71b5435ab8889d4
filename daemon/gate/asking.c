/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/asking.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/gate/assertion.h"
#include "daemon/gate/attempts.h"
#include "daemon/gate/decide.h"
#include "daemon/gate/feed.h"
#include "daemon/gate/hasher.h"
#include "daemon/gate/lease.h"
#include "daemon/gate/ledger.h"
#include "daemon/gate/remembered.h"
#include "daemon/gate/rulebook.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"

enum {
	PASSWORDS_MAX = 8,    /* compared for one request */
	TEXT_ROOM = 16 * 1024,
};

/* A request whose password is being compared. */
struct pending {
	struct pending *next;
	struct connection *connection; /* NULL: it is gone */
	uint64_t stream, number;
	int tries;
	char hash[PASSWORD_HASH_TEXT]; /* that it is compared with: the documents may change meanwhile */
	size_t size;
	uint8_t payload[];
};

/* A request whose answer waits until it is on record. */
struct opening {
	struct opening *next;
	struct connection *connection; /* NULL: it is gone */
	uint64_t stream, number;
	bool must;                     /* without a record it may not go on */
	size_t size;
	uint8_t answer[];
};

static struct {
	struct feed *feed;
	const struct rulebook *book;
	const bool *known;
	struct pending *pending;
	struct opening *openings;
} self;

void asking_init(struct feed *feed, const struct rulebook *book, const bool *known)
{
	self.feed = feed;
	self.book = book;
	self.known = known;
}

void asking_forget(const struct connection *connection)
{
	for (struct pending *pending = self.pending; pending != NULL; pending = pending->next)
		if (pending->connection == connection)
			pending->connection = NULL;
	for (struct opening *opening = self.openings; opening != NULL; opening = opening->next)
		if (opening->connection == connection)
			opening->connection = NULL;
}

struct comparing {
	const char *label;
	const struct cidr *source;
	bool limited;
};

static int password_known(const struct condition *condition, const char *user, const char *password, void *data)
{
	struct comparing *comparing = data;
	int known = remembered_find(condition->hash, password, clock_ms());

	(void)user;
	if (known != -1)
		return known;
	if (attempts_allowed(comparing->label, comparing->source, clock_ms()))
		return -1;
	comparing->limited = true;
	return 0;
}

static const char *verdict_name(const struct verdict *verdict, bool limited)
{
	static const char *const names[VERDICTS] = {
		[VERDICT_ALLOW] = "allow", [VERDICT_CUT] = "cut", [VERDICT_DENY] = "deny", [VERDICT_LOGIN] = "login",
		[VERDICT_BEARER] = "bearer", [VERDICT_WAIT] = "deny",
	};

	return limited && verdict->kind != VERDICT_ALLOW ? "limited" : names[verdict->kind];
}

/* The variables of a verdict; cookies and parameters that are ours do not go on. */
static void verdict_write(struct spop_writer *writer, const struct route *route, const struct visit *visit, const struct verdict *verdict, bool limited)
{
	static char text[TEXT_ROOM];

	spop_set_text(writer, "verdict", verdict_name(verdict, limited));
	if (verdict->kind != VERDICT_ALLOW)
		return;
	if (verdict->group[0] != '\0')
		spop_set_text(writer, "group", verdict->group);
	if (verdict->identity[0] != '\0')
		spop_set_text(writer, "identity", verdict->identity);
	if (verdict->group[0] != '\0' && assertion_make(route, verdict, text, sizeof text) == 0)
		spop_set_text(writer, "assertion", text);
	if (verdict->take_authorization)
		spop_set_boolean(writer, "strip", true);
	for (size_t i = 0; i < verdict->taken_count; i++) {
		const struct source *source = verdict->taken[i];
		bool fits = true;
		/* One of a kind: a second cookie of ours in one request would bring the first one back. */
		if (source->kind == SOURCE_COOKIE && (fits = visit_cookies_without(visit, source->name, text, sizeof text)))
			spop_set_text(writer, "cookie", text);
		else if (source->kind == SOURCE_PARAM && (fits = visit_query_without(visit, source->name, text, sizeof text)))
			spop_set_text(writer, "query", text);
		if (!fits)
			writer->failed = true;
		explicit_bzero(text, strnlen(text, sizeof text));
	}
}

static void compared(int code, const char *hash, void *data);

/* Compares the password that the verdict waits for. False: it cannot be. */
static bool compare_begin(const struct visit *visit, const struct condition *condition, struct pending *pending)
{
	char user[CONDITION_NAME_MAX + 1], password[PASSWORD_MAX + 1];
	struct error err = ERROR_INIT;

	if (pending->tries++ == PASSWORDS_MAX || !visit_basic(visit, user, password, sizeof password))
		return false;
	snprintf(pending->hash, sizeof pending->hash, "%s", condition->hash);
	int asked = hasher_verify(condition->hash, password, compared, pending, &err);
	explicit_bzero(password, sizeof password);
	return asked == 0;
}

static struct pending *pending_new(struct connection *connection, const struct spop_frame *frame)
{
	size_t size = (size_t)(frame->payload.end - frame->payload.at);
	struct pending *pending = malloc(sizeof *pending + size);

	if (pending == NULL)
		return NULL;
	*pending = (struct pending){ .next = self.pending, .connection = connection, .stream = frame->stream, .number = frame->number, .size = size };
	memcpy(pending->payload, frame->payload.at, size);
	self.pending = pending;
	return pending;
}

static void pending_free(struct pending *pending)
{
	struct pending **link = &self.pending;

	while (*link != pending)
		link = &(*link)->next;
	*link = pending->next;
	explicit_bzero(pending->payload, pending->size);
	free(pending);
}

/* False: the connection is gone. */
static bool opening_end(struct opening *opening, int code)
{
	static struct spop_writer writer;
	bool stands = false;

	if (opening->connection == NULL) {
		/* HAProxy has given up. */
	} else if (code == 0 || !opening->must) {
		stands = agent_send(opening->connection, opening->answer, opening->size);
	} else {
		spop_begin(&writer, SPOP_ACK, opening->stream, opening->number);
		spop_set_text(&writer, "verdict", "unrecorded");
		stands = agent_answer(opening->connection, &writer);
	}
	explicit_bzero(opening->answer, opening->size);
	free(opening);
	return stands;
}

static void opening_recorded(int code, void *data)
{
	struct opening *opening = data, **link = &self.openings;

	while (*link != opening)
		link = &(*link)->next;
	*link = opening->next;
	(void)opening_end(opening, code);
}

/* Sends the answer once the request is on record, where its realm wants that. False: the connection is gone. */
static bool answer_send(struct connection *connection, struct spop_writer *writer, const struct spop_frame *frame, const struct route *route,
			const struct decision *decision, const struct verdict *verdict, const char *name)
{
	enum audit_mode mode = writer->failed ? AUDIT_BEST_EFFORT : ledger_mode(route->realm);
	struct error err = ERROR_INIT;

	if (mode == AUDIT_BEST_EFFORT)
		return agent_answer(connection, writer);
	spop_end(writer);
	struct opening *opening = malloc(sizeof *opening + writer->size);
	if (opening == NULL)
		return true; /* no answer: 503 */
	*opening = (struct opening){ .next = self.openings, .connection = connection, .stream = frame->stream, .number = frame->number,
				     .must = mode == AUDIT_FAIL_CLOSED, .size = writer->size };
	memcpy(opening->answer, writer->bytes, writer->size);
	explicit_bzero(writer->bytes, writer->size);
	if (ledger_open(route, decision->visit, decision, verdict, name, opening_recorded, opening, &err) == 0) {
		self.openings = opening;
		return true;
	}
	return opening_end(opening, err.code);
}

/*
 * Answers a request, or lets it wait: pending is its own then, and NULL where it did not wait before. False: the
 * connection is gone.
 */
static bool request_decide(struct connection *connection, const struct spop_frame *frame, struct pending *pending)
{
	static struct spop_writer writer; /* large */
	struct verdict verdict = { .kind = VERDICT_DENY };
	struct visit visit = { 0 };
	struct comparing comparing = { 0 };
	char key[HOST_TEXT], project[ID_TEXT], container[ID_TEXT], user[CONDITION_NAME_MAX + 1], password[PASSWORD_MAX + 1];
	struct decision decision = { .visit = &visit, .now_ms = (int64_t)time(NULL) * 1000, .password = password_known, .data = &comparing };
	const struct route *route = NULL;

	spop_begin(&writer, SPOP_ACK, frame->stream, frame->number);
	if (*self.known && visit_read(frame->payload, &visit) && visit.key.size < sizeof key) {
		snprintf(key, sizeof key, "%.*s", (int)visit.key.size, visit.key.text);
		route = route_table_seek(feed_table(self.feed), key, &decision.service, &decision.port);
	}
	if (route != NULL) {
		route_ids(route, project, container);
		decision.levels[0] = rulebook_find(self.book, container);
		decision.levels[1] = rulebook_find(self.book, project);
		decision.levels[2] = rulebook_find(self.book, route->realm);
		comparing.label = route->label;
		comparing.source = &visit.source;
		decide(&decision, &verdict);
		if (verdict.kind == VERDICT_WAIT) {
			if (pending == NULL)
				pending = pending_new(connection, frame);
			if (pending != NULL && compare_begin(&visit, verdict.ask, pending))
				return true;
		} else {
			if (verdict.kind == VERDICT_LOGIN && !comparing.limited && visit_basic(&visit, user, password, sizeof password))
				attempts_failed(route->label, &visit.source, clock_ms());
			explicit_bzero(password, sizeof password);
			if (verdict.kind == VERDICT_ALLOW && verdict.until_ms != 0 && !lease_add(visit.process, visit.stream, verdict.until_ms))
				verdict = (struct verdict){ .kind = VERDICT_DENY };
			verdict_write(&writer, route, &visit, &verdict, comparing.limited);
			bool stands = answer_send(connection, &writer, frame, route, &decision, &verdict, verdict_name(&verdict, comparing.limited));
			if (pending != NULL)
				pending_free(pending);
			return stands;
		}
	}
	/* Without a verdict HAProxy says 503: the route is just going, or the gate does not know all yet. */
	if (pending != NULL)
		pending_free(pending);
	return agent_answer(connection, &writer);
}

static void compared(int code, const char *hash, void *data)
{
	struct pending *pending = data;
	struct spop_frame frame = { .stream = pending->stream, .number = pending->number,
				    .payload = { pending->payload, pending->payload + pending->size } };

	char user[CONDITION_NAME_MAX + 1], password[PASSWORD_MAX + 1];
	struct visit visit;

	(void)hash;
	/* If it could not be compared, the next try says so: HAProxy gets no verdict then. */
	if ((code == 0 || code == EACCES) && visit_read(frame.payload, &visit) && visit_basic(&visit, user, password, sizeof password))
		remembered_add(pending->hash, password, code == 0, clock_ms());
	explicit_bzero(password, sizeof password);
	if (pending->connection == NULL)
		pending_free(pending);
	else
		(void)request_decide(pending->connection, &frame, pending);
}

bool asking_take(struct connection *connection, const struct spop_frame *frame)
{
	return request_decide(connection, frame, NULL);
}
