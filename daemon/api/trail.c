/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/trail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/audit.h"
#include "daemon/api/auth.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/api/route.h"
#include "daemon/api/store.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/record.h"
#include "daemon/lib/reporter.h"

enum trail_step { TRAIL_BEGINNING, TRAIL_BEGUN, TRAIL_ENDING, TRAIL_ENDED };

struct trail {
	struct request *request;  /* NULL: it is gone */
	enum trail_step step;
	bool waits;               /* for the log */
	bool changes;             /* the call may change something */
	int code;                 /* of the log's answer */
	char realm[ID_TEXT];      /* whose log */
	json_t *before;           /* owned; NULL: nothing is known */
};

static const char *method_name(enum method method)
{
	switch (method) {
	case METHOD_GET:
		return "GET";
	case METHOD_POST:
		return "POST";
	case METHOD_DELETE:
		return "DELETE";
	case METHOD_PATCH:
		return "PATCH";
	case METHOD_PUT:
		return "PUT";
	}
	return NULL;
}

/* -- whose log -- */

static bool realm_by(struct store *store, const char *id, char realm[ID_TEXT])
{
	static const char sql[] = "SELECT id FROM realms WHERE id = ?1 UNION ALL SELECT realm FROM projects WHERE id = ?1"
				  " UNION ALL SELECT p.realm FROM containers c JOIN projects p ON p.id = c.project WHERE c.id = ?1"
				  " UNION ALL SELECT realm FROM aliases WHERE id = ?1 UNION ALL SELECT realm FROM address_sets WHERE id = ?1"
				  " UNION ALL SELECT realm FROM images WHERE id = ?1 AND realm IS NOT NULL UNION ALL SELECT realm FROM pulls WHERE id = ?1 AND realm IS NOT NULL"
				  " UNION ALL SELECT p.realm FROM snapshots s JOIN containers c ON c.id = s.container JOIN projects p ON p.id = c.project WHERE s.id = ?1";
	struct error err = ERROR_INIT;

	if (id == NULL || !id_valid(id))
		return false;
	cleanup_query sqlite3_stmt *row = store_query(store, &err, sql, "s", id);
	if (row == NULL || query_step(row, &err) != 1)
		return false;
	snprintf(realm, ID_TEXT, "%.24s", query_text(row, 0));
	return true;
}

/* That of what the call is about, else the caller's if it has one alone, else the host's. */
static void realm_find(struct request *request, char realm[ID_TEXT])
{
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;

	if (request->route != NULL && realm_by(store, request->id, realm))
		return;
	for (const char *const *key = (const char *const[]){ "container", "project", "realm", NULL }; *key != NULL; key++)
		if (realm_by(store, json_string_value(json_object_get(request->json, *key)), realm))
			return;
	if (request->realm[0] != '\0' && realm_by(store, request->realm, realm))
		return;
	snprintf(realm, ID_TEXT, "%s", request->caller.realm[0] != '\0' ? request->caller.realm : RECORD_HOST);
	if (request->caller.realm[0] != '\0' || request->caller.platform || request->caller.token[0] == '\0')
		return;
	cleanup_query sqlite3_stmt *row = store_query(store, &err, "SELECT min(realm) FROM token_realms WHERE token = ? HAVING count(*) = 1", "s",
						      request->caller.token);
	if (row != NULL && query_step(row, &err) == 1)
		snprintf(realm, ID_TEXT, "%.24s", query_text(row, 0));
}

/* -- what changed -- */

/* The names of an environment's variables in place of their values. */
static void values_hide(json_t *object)
{
	json_t *environment = json_object_get(object, "environment"), *names = json_array();
	const char *name;
	json_t *value;

	if (json_is_object(environment)) {
		json_object_foreach(environment, name, value)
			json_array_append_new(names, json_string(name));
		json_object_set(object, "environment", names);
	}
	json_decref(names);
}

/* What GET of the same path says; NULL: nothing, or not at once. */
static json_t *shown(struct request *request)
{
	char id[sizeof request->id];
	unsigned int methods;
	const struct api_route *route = route_find(request->path, METHOD_GET, id, sizeof id, &methods);
	json_t *body = NULL;

	/* With a query it may be a list, or of any size. */
	if (route == NULL || route->query[0] != '\0' || route->body != ROUTE_BODY_NONE)
		return NULL;
	struct request *shadow = calloc(1, sizeof *shadow);
	if (shadow == NULL)
		return NULL;
	*shadow = (struct request){ .api = request->api, .connection = request->connection, .route = route, .method = METHOD_GET, .caller = request->caller,
				    .shadow = true };
	snprintf(shadow->path, sizeof shadow->path, "%s", request->path);
	snprintf(shadow->id, sizeof shadow->id, "%s", id);
	route->handler(shadow);
	if (!shadow->answered) {
		shadow->orphan = true; /* request_done() frees it */
		return NULL;
	}
	if (shadow->status == 200 && shadow->answer != NULL)
		body = json_loadb(shadow->answer, shadow->answer_size, 0, NULL);
	request_shadow_free(shadow);
	values_hide(body);
	return body;
}

/* What the two have in common is no change. */
static void common_drop(json_t *before, json_t *after)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(before, next, key, value) {
		json_t *other = json_object_get(after, key);
		if (other == NULL || !json_equal(value, other))
			continue;
		json_object_del(after, key);
		json_object_del(before, key);
	}
}

/* Of what a POST has made: what it is called. The answer may bear a secret. */
static json_t *made(const struct request *request)
{
	json_t *answer = request->answer == NULL ? NULL : json_loadb(request->answer, request->answer_size, 0, NULL), *body = json_object();

	for (const char *const *key = (const char *const[]){ "id", "name", "host", "state", NULL }; *key != NULL; key++)
		if (json_object_get(answer, *key) != NULL)
			json_object_set(body, *key, json_object_get(answer, *key));
	json_decref(answer);
	return body;
}

/* The caller frees it; NULL: there is nothing to tell. */
static char *detail_make(struct trail *trail)
{
	struct request *request = trail->request;
	json_t *after = NULL;

	if (request->status >= 400) {
		cleanup_json json_t *answer = request->answer == NULL ? NULL : json_loadb(request->answer, request->answer_size, 0, NULL);
		json_t *code = json_object_get(json_object_get(answer, "error"), "code");
		cleanup_json json_t *detail = code == NULL ? NULL : json_pack("{s:O}", "error", code);
		return detail == NULL ? NULL : json_dumps(detail, JSON_COMPACT);
	}
	if (!trail->changes)
		return NULL;
	if (request->method == METHOD_POST)
		after = made(request);
	else if (request->method != METHOD_DELETE)
		after = shown(request);
	if (after != NULL && trail->before != NULL)
		common_drop(trail->before, after);
	cleanup_json json_t *detail = json_pack("{s:O*, s:o*}", "before", trail->before, "after", after);
	char *text = detail == NULL || json_object_size(detail) == 0 ? NULL : json_dumps(detail, JSON_COMPACT);
	if (text == NULL || strlen(text) <= RECORD_DETAIL_MAX)
		return text;
	free(text);
	return strdup("{\"too_large\":true}");
}

/* -- records -- */

static struct record record_of(struct trail *trail, const char *kind, char identity[64])
{
	struct request *request = trail->request;
	struct record record = record_make(trail->realm, kind);

	snprintf(identity, 64, request->caller.token[0] == '\0' ? "root" : "token:%s", request->caller.token);
	record.numbers[RECORD_STARTED] = request->began_us;
	record.texts[RECORD_REQUEST] = request->name;
	record.texts[RECORD_CLIENT] = request->outside ? request_header(request, "X-Forwarded-For") : NULL;
	record.texts[RECORD_METHOD] = method_name(request->method);
	record.texts[RECORD_PATH] = request->path;
	if (request->known)
		record.texts[RECORD_IDENTITY] = identity;
	return record;
}

static void recorded(int code, void *data)
{
	struct trail *trail = data;

	trail->waits = false;
	trail->code = code;
	if (trail->request == NULL)
		trail_free(trail);
	else
		request_resume(trail->request);
}

/* True: it waits now. */
static bool record_send(struct trail *trail, struct record *record)
{
	struct error err = ERROR_INIT;

	if (trail->changes && reporter_ask(record, AUDIT_WAIT_MS, recorded, trail, &err) == 0) {
		trail->waits = true;
		return true;
	}
	record->ack = 0;
	if ((trail->changes || reporter_tell(record, &err) == -1) && err.code != 0)
		log_warning("a call is not in the audit log: %s", err.message);
	trail->code = trail->changes ? err.code : 0;
	return false;
}

bool trail_begin(struct request *request)
{
	struct trail *trail = request->trail;
	char identity[64];

	if (request->shadow)
		return true;
	if (trail == NULL) {
		trail = request->trail = calloc(1, sizeof *trail);
		if (trail == NULL)
			return true; /* and what follows fails for the same reason */
		*trail = (struct trail){ .request = request, .changes = request->method != METHOD_GET };
		realm_find(request, trail->realm);
		if (trail->changes) {
			if (request->method != METHOD_POST)
				trail->before = shown(request);
			struct record record = record_of(trail, "calling", identity);
			if (record_send(trail, &record))
				return false;
		}
	}
	trail->step = TRAIL_BEGUN;
	if (trail->code == 0)
		return true;
	log_warning("a call is not in the audit log: %s", strerror(trail->code));
	/* Who turns that off, or lets the log have more room or less, must be able to. */
	if (!audit_must(request->api, trail->realm) || request->route->handler == host_audit_change || request->route->handler == realms_audit_change)
		return true;
	request_fail(request, 503, "unavailable", NULL, "the audit log does not take a record, and without one nothing may be changed here; see its disk");
	return false;
}

bool trail_end(struct request *request)
{
	struct trail *trail = request->trail;
	char identity[64];

	if (request->shadow)
		return true;
	if (trail == NULL) { /* refused before it was handled */
		trail = request->trail = calloc(1, sizeof *trail);
		if (trail == NULL)
			return true;
		*trail = (struct trail){ .request = request, .step = TRAIL_BEGUN };
		realm_find(request, trail->realm);
	}
	if (trail->step >= TRAIL_ENDING)
		return true;
	trail->step = TRAIL_ENDING;
	cleanup_free char *detail = detail_make(trail);
	struct record record = record_of(trail, "call", identity);
	record.numbers[RECORD_STATUS] = request->status;
	record.numbers[RECORD_RECEIVED] = (int64_t)request->received;
	record.numbers[RECORD_SENT] = (int64_t)request->answer_size;
	record.numbers[RECORD_DURATION] = (clock_wall_us() - request->began_us) / 1000;
	record.texts[RECORD_DECISION] = request->status == 401 || request->status == 403 ? "deny" : "allow";
	record.texts[RECORD_RULE] = request->known ? caller_role_name(request->caller.role) : NULL;
	record.texts[RECORD_DETAIL] = detail;
	return !record_send(trail, &record);
}

void trail_free(struct trail *trail)
{
	if (trail == NULL)
		return;
	json_decref(trail->before);
	trail->before = NULL;
	trail->request = NULL;
	if (!trail->waits)
		free(trail);
}
