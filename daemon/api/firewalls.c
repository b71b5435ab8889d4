/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewalls: the document of a realm, a project or a container: read, replaced as a
 * whole, and in force for all it concerns when the answer comes. What the engine
 * cannot put in force is taken back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/document.h"
#include "daemon/api/firewall.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/api/scope.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"

enum { CONTAINERS_MAX = 4096 };

/* A document that was written, until the engine has it. */
struct writing {
	struct request *request;
	struct api *api;
	const struct scope *scope;
	char id[ID_TEXT];
	char *before;          /* what it was; owned */
	int64_t version;       /* what it is now */
	int open;              /* answers still to come */
	struct error failure;
};

static void document_answer(struct request *request, const char *id)
{
	struct error err = ERROR_INIT;
	int64_t version;
	json_t *document = document_load(request->api->store, id, &version, &err);

	if (document == NULL) {
		request_fail_error(request, &err);
		return;
	}
	request_answer_add(request, "ETag", "\"%lld\"", (long long)version);
	request_answer(request, 200, document);
}

static void show(struct request *request, const struct scope *scope)
{
	if (scope_open(request, scope) == 1)
		document_answer(request, request->id);
}

/* Writes it; published ports of a container are the row's and the table's. */
static int document_write(struct store *store, const struct scope *scope, const char *id, const char *text, int64_t version, struct error *err)
{
	char sql[256];

	snprintf(sql, sizeof sql, "INSERT INTO firewalls (id, %s, version, document) VALUES (?1, ?1, ?2, ?3)"
				  " ON CONFLICT (id) DO UPDATE SET version = ?2, document = ?3", scope->column);
	if (store_do(store, err, sql, "sis", id, version, text) == -1)
		return -1;
	if (scope->scope != DOCUMENT_CONTAINER)
		return 0;
	cleanup_json json_t *document = json_loads(text, 0, NULL);
	json_t *ports = json_object_get(document, "ports");
	if (store_do(store, err, "DELETE FROM published WHERE container = ? OR container IN (SELECT id FROM containers WHERE deleted IS NOT NULL)",
		     "s", id) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(ports); i++) {
		json_t *port = json_array_get(ports, i);
		char field[48];
		snprintf(field, sizeof field, "ports[%zu].host_port", i);
		if (store_do(store, err, "INSERT INTO published (protocol, host_port, container) VALUES (?, ?, ?)", "sis",
			     json_string_value(json_object_get(port, "protocol")), (int64_t)json_integer_value(json_object_get(port, "host_port")),
			     id) == 0)
			continue;
		if (err->code == EEXIST) {
			error_field(err, field, "%s leads to another container already", field);
			err->code = EEXIST;
		}
		return -1;
	}
	return 0;
}

static void step(struct writing *writing);

static void applied(const struct message *answer, const struct error *err, void *data)
{
	struct writing *writing = data;

	(void)answer;
	if (err != NULL && writing->failure.code == 0)
		writing->failure = *err;
	step(writing);
}

/* Asks for all that it concerns. */
static void apply(struct writing *writing, peer_answer_cb *cb)
{
	struct error err = ERROR_INIT;
	char id[ID_TEXT] = "";

	for (int i = 0; i < CONTAINERS_MAX; i++) {
		cleanup_query sqlite3_stmt *row = store_query(writing->api->store, &err, writing->scope->containers, "ss", writing->id, id);
		int found = row == NULL ? -1 : query_step(row, &err);
		if (found == 0)
			return;
		if (found == 1)
			snprintf(id, sizeof id, "%s", query_text(row, 0));
		if (found == -1 || firewall_ask(writing->api, id, cb, writing, &err) == -1) {
			writing->failure = err;
			return;
		}
		writing->open++;
	}
}

static void taken_back(const struct message *answer, const struct error *err, void *data)
{
	struct writing *writing = data;

	(void)answer;
	if (err != NULL)
		log_error("the firewall of %s %s is as before, and the engine does not know yet: %s", writing->scope->column, writing->id,
			  err->message);
	if (--writing->open == 0)
		free(writing);
}

/* Unless somebody has written it again since. */
static void take_back(struct writing *writing)
{
	struct store *store = writing->api->store;
	struct error err = ERROR_INIT;
	int64_t version;
	json_t *now = document_load(store, writing->id, &version, &err);

	json_decref(now);
	if (now == NULL || version != writing->version || store_begin(store, &err) == -1) {
		free(writing->before);
		free(writing);
		return;
	}
	if (document_write(store, writing->scope, writing->id, writing->before, version + 1, &err) == -1 || store_commit(store, &err) == -1) {
		store_rollback(store);
		log_error("the firewall of %s %s cannot be taken back: %s", writing->scope->column, writing->id, err.message);
	}
	free(writing->before);
	writing->before = NULL;
	writing->open = 1;
	apply(writing, taken_back);
	if (--writing->open == 0)
		free(writing);
}

static void step(struct writing *writing)
{
	if (--writing->open > 0)
		return;
	if (writing->failure.code != 0) {
		request_fail_host(writing->request, &writing->failure);
		take_back(writing);
		return;
	}
	document_answer(writing->request, writing->id);
	free(writing->before);
	free(writing);
}

static int peers_check(struct store *store, const struct scope *scope, const char *id, json_t *document, json_t *before, struct error *err)
{
	cleanup_query sqlite3_stmt *row = store_query(store, err, scope->realm, "s", id);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step == 0)
		return error_set(err, ENOENT, "the %s is gone", scope->column);
	return step == -1 ? -1 : document_peers_check(store, query_text(row, 0), document, before, err);
}

static void set(struct request *request, const struct scope *scope)
{
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	int64_t version = 0;

	if (scope_open(request, scope) != 1)
		return;
	cleanup_json json_t *document = document_read(&request->api->cfg, scope->scope, request->json, &err);
	cleanup_json json_t *before = document == NULL ? NULL : document_load(store, request->id, &version, &err);
	int checked = before == NULL ? -1 : peers_check(store, scope, request->id, document, before, &err);
	cleanup_free char *text = checked == -1 ? NULL : json_dumps(document, JSON_COMPACT);
	struct writing *writing = text == NULL ? NULL : calloc(1, sizeof *writing);
	if (checked == 0 && writing == NULL)
		error_set(&err, ENOMEM, "no memory for a firewall");
	if (writing == NULL) {
		request_fail_error(request, &err);
		return;
	}
	if (!request_if_match(request, version)) {
		free(writing);
		return;
	}
	*writing = (struct writing){ .request = request, .api = request->api, .scope = scope, .version = version + 1,
				     .before = json_dumps(before, JSON_COMPACT), .open = 1 };
	snprintf(writing->id, sizeof writing->id, "%.24s", request->id);
	if (writing->before == NULL || store_begin(store, &err) == -1 ||
	    document_write(store, scope, writing->id, text, version + 1, &err) == -1 || store_commit(store, &err) == -1) {
		store_rollback(store);
		free(writing->before);
		free(writing);
		request_fail_error(request, &err);
		return;
	}
	apply(writing, applied);
	step(writing);
}

#define HANDLERS(noun, scope) \
	void noun##_firewall(struct request *request) \
	{ \
		show(request, &scopes[scope]); \
	} \
	void noun##_firewall_set(struct request *request) \
	{ \
		set(request, &scopes[scope]); \
	}

HANDLERS(realms, DOCUMENT_REALM)
HANDLERS(projects, DOCUMENT_PROJECT)
HANDLERS(containers, DOCUMENT_CONTAINER)
