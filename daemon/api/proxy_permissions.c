/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A document is read (without its secrets), replaced or changed as a whole (RFC 7396), and in force when the answer comes:
 * the gate has it, and what was open to the containers that it concerns has ended, as it was let in by another one.
 *
 * A secret that is left out is as it was: of the token, the password or the JWT with the same name in the group.
 */
#include "daemon/api/permissions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/api/scope.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/permissions.h"
#include "daemon/lib/protocol.h"

enum {
	HASH_MS = 60000,
	GATE_MS = 5000,
	CUT_MS = 5000,
	PASSWORDS_MAX = 32,    /* new ones in one request */
	CONTAINERS_MAX = 4096,
};

/* -- secrets -- */

/* Never shown: "hash", ... */
static const char *const secrets[] = { "value", "sha256", "password", "hash", "secret" };

static bool secrets_drop(const char *group, json_t *condition, void *data)
{
	(void)group;
	(void)data;
	for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
		json_object_del(condition, secrets[i]);
	return true;
}

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

struct search {
	const char *group;
	json_t *condition; /* that lacks its secret */
};

static bool secret_take(const char *group, json_t *before, void *data)
{
	struct search *search = data;

	if (strcmp(group, search->group) != 0)
		return true;
	for (const char *const *key = (const char *const[]){ "type", "name", "username", "algorithm", NULL }; *key != NULL; key++)
		if (strcmp(text_of(before, *key), text_of(search->condition, *key)) != 0)
			return true;
	for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
		if (json_object_get(before, secrets[i]) != NULL)
			json_object_set(search->condition, secrets[i], json_object_get(before, secrets[i]));
	return false;
}

static bool secret_keep(const char *group, json_t *condition, void *data)
{
	json_t *before = data;
	struct search search = { .group = group, .condition = condition };

	if (!json_is_object(condition) || json_object_get(condition, "key") != NULL || json_object_get(condition, "jwks") != NULL)
		return true;
	for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
		if (json_object_get(condition, secrets[i]) != NULL)
			return true;
	(void)permissions_walk(before, secret_take, &search);
	return true;
}

/* -- writing -- */

static void document_answer(struct request *request, const char *id)
{
	struct error err = ERROR_INIT;
	int64_t version;
	json_t *document = permissions_load(request->api->store, id, &version, &err);

	if (document == NULL) {
		request_fail_error(request, &err);
		return;
	}
	(void)permissions_walk(document, secrets_drop, NULL);
	request_answer_add(request, "ETag", "\"%lld\"", (long long)version);
	request_answer(request, 200, document);
}

/* A document on its way. */
struct writing {
	struct request *request;
	struct api *api;
	const struct scope *scope;
	char id[ID_TEXT];
	int64_t version;       /* that it takes the place of */
	json_t *document;      /* normal, but for passwords that are not hashed yet; owned */
	bool gone;             /* DELETE: it becomes an empty one, so that versions go on */
	int open;              /* answers still to come */
	struct error failure;
	void (*next)(struct writing *writing);
};

struct hashing {
	struct writing *writing;
	json_t *condition; /* owned */
};

static void writing_end(struct writing *writing)
{
	json_decref(writing->document);
	free(writing);
}

/* One answer less; with the last one the next step. */
static void step(struct writing *writing, const struct error *err)
{
	if (err != NULL && writing->failure.code == 0)
		writing->failure = *err;
	if (--writing->open == 0)
		writing->next(writing);
}

static void answered(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	step(data, err);
}

static void finish(struct writing *writing)
{
	if (writing->failure.code != 0) {
		log_error("the permissions of %s %s are stored, and not in force everywhere yet: %s", writing->scope->column, writing->id,
			  writing->failure.message);
		request_fail(writing->request, 503, "unavailable", NULL, "the change is stored, but the proxy does not have it yet; it takes it when it can");
	} else if (writing->gone) {
		request_answer(writing->request, 204, NULL);
	} else {
		document_answer(writing->request, writing->id);
	}
	writing_end(writing);
}

/* What is open was let in by the document before. */
static void cut(struct writing *writing)
{
	struct error err = ERROR_INIT;
	char id[ID_TEXT] = "";

	writing->next = finish;
	writing->open = 1;
	for (int i = 0; writing->failure.code == 0 && i < CONTAINERS_MAX; i++) {
		struct container_cut_message message = { .kept_count = 0 };
		cleanup_query sqlite3_stmt *row = store_query(writing->api->store, &err, writing->scope->containers, "ss", writing->id, id);
		int found = row == NULL ? -1 : query_step(row, &err);
		if (found == 0)
			break;
		if (found == 1)
			snprintf(id, sizeof id, "%s", query_text(row, 0));
		memcpy(message.id, id, sizeof message.id);
		if (found == -1 || peer_ask(writing->api->engine, MESSAGE_CONTAINER_CUT, &message, sizeof message, -1, CUT_MS, answered, writing, &err) == -1)
			writing->failure = err;
		else
			writing->open++;
	}
	step(writing, NULL);
}

static void tell(struct writing *writing)
{
	struct permissions_message message = { .count = 0 };
	struct error err = ERROR_INIT;
	cleanup_fd int fd = -1;

	writing->next = cut;
	writing->open = 1;
	if (permissions_fill(writing->api->store, writing->id, &message, &fd, &err) == -1 ||
	    peer_ask(writing->api->gate, MESSAGE_PERMISSIONS, &message, sizeof message, fd, GATE_MS, answered, writing, &err) == -1)
		step(writing, &err);
}

static int document_write(struct writing *writing, struct error *err)
{
	struct store *store = writing->api->store;
	int64_t version, seen;
	char sql[256];
	cleanup_json json_t *now = permissions_load(store, writing->id, &version, err);
	cleanup_free char *text = now == NULL ? NULL : json_dumps(writing->document, JSON_COMPACT);

	if (now == NULL)
		return -1;
	if (text == NULL)
		return error_set(err, ENOMEM, "no memory for permissions");
	/* Hashing took its time. */
	if (version != writing->version)
		return error_set(err, EBUSY, "the permissions were changed meanwhile; read them again");
	if (store_number(store, err, 0, &seen, writing->scope->visible, "s" SCOPE_TYPES, writing->id, SCOPE_VALUES(writing->request)) == -1)
		return -1;
	if (seen == 0)
		return error_set(err, ENOENT, "the %s is gone", writing->scope->column);
	if (strlen(text) > PERMISSIONS_TEXT_MAX)
		return error_field(err, "", "the document is larger than %d bytes", PERMISSIONS_TEXT_MAX);
	snprintf(sql, sizeof sql, "INSERT INTO permissions (id, %s, version, document) VALUES (?1, ?1, ?2, ?3)"
				  " ON CONFLICT (id) DO UPDATE SET version = ?2, document = ?3", writing->scope->column);
	int done = store_do(store, err, sql, "sis", writing->id, version + 1, text);
	explicit_bzero(text, strlen(text));
	return done;
}

static void commit(struct writing *writing)
{
	struct store *store = writing->api->store;
	struct error err = writing->failure;

	if (err.code != 0) {
		request_fail_host(writing->request, &err);
		writing_end(writing);
		return;
	}
	if (store_begin(store, &err) == -1 || document_write(writing, &err) == -1 || store_commit(store, &err) == -1) {
		store_rollback(store);
		request_fail_error(writing->request, &err);
		writing_end(writing);
		return;
	}
	tell(writing);
}

static void hashed(const struct message *answer, const struct error *err, void *data)
{
	struct hashing *hashing = data;

	if (err == NULL) {
		const struct password_message *made = answer->payload;
		json_object_set_new(hashing->condition, "hash", json_string(made->hash));
		json_object_del(hashing->condition, "password");
	}
	step(hashing->writing, err);
	json_decref(hashing->condition);
	free(hashing);
}

static bool password_send(const char *group, json_t *condition, void *data)
{
	struct writing *writing = data;
	const char *password = text_of(condition, "password");
	struct password_message message = { .hash = "" };

	(void)group;
	if (*password == '\0')
		return true;
	struct hashing *hashing = writing->open <= PASSWORDS_MAX ? calloc(1, sizeof *hashing) : NULL;
	if (hashing == NULL) {
		error_field(&writing->failure, "groups", "more than %d new passwords; set them in parts", PASSWORDS_MAX);
		return false;
	}
	*hashing = (struct hashing){ .writing = writing, .condition = json_incref(condition) };
	snprintf(message.password, sizeof message.password, "%s", password);
	int asked = peer_ask(writing->api->gate, MESSAGE_PASSWORD_HASH, &message, sizeof message, -1, HASH_MS, hashed, hashing, &writing->failure);
	explicit_bzero(&message, sizeof message);
	if (asked == -1) {
		json_decref(hashing->condition);
		free(hashing);
		return false;
	}
	writing->open++;
	return true;
}

/* A document that takes the place of the stored one: what the request sent, or made of it. */
static void write_begin(struct request *request, const struct scope *scope, json_t *body, json_t *before, int64_t version, bool gone)
{
	struct permissions permissions;
	struct error err = ERROR_INIT;
	json_t *normal = NULL;

	if (!request_if_match(request, version))
		return;
	(void)permissions_walk(body, secret_keep, before);
	if (permissions_read(body, &permissions, &normal, &err) == -1) {
		request_fail_error(request, &err);
		return;
	}
	permissions_free(&permissions);
	struct writing *writing = normal == NULL ? NULL : calloc(1, sizeof *writing);
	if (writing == NULL) {
		json_decref(normal);
		error_set(&err, ENOMEM, "no memory for permissions");
		request_fail_error(request, &err);
		return;
	}
	*writing = (struct writing){ .request = request, .api = request->api, .scope = scope, .version = version, .document = normal, .gone = gone,
				     .open = 1, .next = commit };
	snprintf(writing->id, sizeof writing->id, "%.24s", request->id);
	(void)permissions_walk(normal, password_send, writing);
	step(writing, NULL);
}

static void show(struct request *request, const struct scope *scope)
{
	if (scope_open(request, scope) == 1)
		document_answer(request, request->id);
}

/* RFC 7396. Takes target over; the caller's reference comes back. */
static json_t *merge(json_t *target, json_t *patch)
{
	const char *key;
	json_t *value;

	if (!json_is_object(patch))
		return json_incref(patch);
	json_t *result = json_is_object(target) ? json_copy(target) : json_object();
	json_object_foreach(patch, key, value)
		if (json_is_null(value))
			json_object_del(result, key);
		else
			json_object_set_new(result, key, merge(json_object_get(result, key), value));
	return result;
}

static void write_from(struct request *request, const struct scope *scope, enum method method)
{
	struct error err = ERROR_INIT;
	int64_t version;

	if (scope_open(request, scope) != 1)
		return;
	cleanup_json json_t *before = permissions_load(request->api->store, request->id, &version, &err);
	if (before == NULL) {
		request_fail_error(request, &err);
		return;
	}
	cleanup_json json_t *body = method == METHOD_PUT     ? json_incref(request->json)
				    : method == METHOD_PATCH ? merge(before, request->json)
							     : json_object();
	/* Reading makes it normal in place: the stored one is for secrets that are left out. */
	cleanup_json json_t *own = json_deep_copy(body);
	write_begin(request, scope, own, before, version, method == METHOD_DELETE);
}

#define HANDLERS(noun, scope) \
	void noun##_permissions(struct request *request) \
	{ \
		show(request, &scopes[scope]); \
	} \
	void noun##_permissions_set(struct request *request) \
	{ \
		write_from(request, &scopes[scope], METHOD_PUT); \
	} \
	void noun##_permissions_change(struct request *request) \
	{ \
		write_from(request, &scopes[scope], METHOD_PATCH); \
	} \
	void noun##_permissions_delete(struct request *request) \
	{ \
		write_from(request, &scopes[scope], METHOD_DELETE); \
	}

HANDLERS(realms, DOCUMENT_REALM)
HANDLERS(projects, DOCUMENT_PROJECT)
HANDLERS(containers, DOCUMENT_CONTAINER)
