/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tokens: who may call. The text is in the answer to POST and nowhere else; the
 * store has its SHA-256. A realm's admin makes and sees only tokens that are
 * bound to its own realms.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/api/api.h"
#include "daemon/api/auth.h"
#include "daemon/api/idempotency.h"
#include "daemon/api/name.h"
#include "daemon/api/page.h"
#include "daemon/api/resources.h"
#include "daemon/api/sessions.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

enum {
	TOKEN_REALMS_MAX = 64, /* of one token */
	TOKENS_MAX = 1000,     /* that are bound to one realm, or to none */
	TOKEN_SECONDS_MAX = 10 * 366 * 86400,
};

#define SELECT "SELECT id, name, role, platform, created, expires FROM tokens"

/* Tokens that reach no further than the caller itself. Binds what SCOPE_SQL does. */
#define WITHIN_SQL \
	" (? OR (platform = 0 AND NOT EXISTS (SELECT 1 FROM token_realms r WHERE r.token = tokens.id AND r.realm <> ? AND r.realm NOT IN" \
	" (SELECT realm FROM token_realms WHERE token = ?)))) "

static json_t *token_json(struct request *request, sqlite3_stmt *row)
{
	struct error err = ERROR_INIT;
	json_t *realms = json_array();
	enum caller_role role = query_int(row, 2) == CALLER_ADMIN      ? CALLER_ADMIN
				: query_int(row, 2) == CALLER_OPERATOR ? CALLER_OPERATOR
								       : CALLER_READER;

	cleanup_query sqlite3_stmt *query = store_query(request->api->store, &err,
							"SELECT realm FROM token_realms WHERE token = ? ORDER BY realm", "s",
							query_text(row, 0));
	while (query != NULL && query_step(query, &err) == 1)
		json_array_append_new(realms, json_string(query_text(query, 0)));
	if (query_int(row, 3) != 0)
		json_array_append_new(realms, json_string("*"));
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "id", query_text(row, 0), "name", query_text(row, 1), "role",
			 caller_role_name(role), "realms", realms, "created_at", time_json(query_int(row, 4)),
			 "expires_at", time_json(query_int(row, 5)));
}

void tokens_list(struct request *request)
{
	struct error err = ERROR_INIT;
	struct page page;

	if (page_read(request, &page) == -1)
		return;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err, SELECT " WHERE" WITHIN_SQL "AND id > ? ORDER BY id LIMIT ?",
			    SCOPE_TYPES "si", SCOPE_VALUES(request), page.after, page.limit + 1);
	page_answer(request, &page, query, &err, token_json);
}

static void token_answer(struct request *request, unsigned int status, const char *id)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query = store_query(request->api->store, &err, SELECT " WHERE id = ? AND" WITHIN_SQL,
							"s" SCOPE_TYPES, id, SCOPE_VALUES(request));

	row_answer(request, status, "token", query, &err, token_json);
}

void tokens_show(struct request *request)
{
	token_answer(request, 200, request->id);
}

/* Reads `realms`: absent or ["*"] is the whole platform, none of ids. Answers nothing. */
static int realms_read(struct request *request, json_t *list, char (*ids)[ID_TEXT], size_t *ret_count,
		       struct error *err)
{
	char path[32];

	*ret_count = 0;
	if (list == NULL)
		return 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *value = json_array_get(list, i);
		snprintf(path, sizeof path, "realms[%zu]", i);
		if (json_array_size(list) == 1 && json_is_string(value) && strcmp(json_string_value(value), "*") == 0)
			return 0;
		if (json_read_string(value, path, 1, ID_TEXT - 1, ids[i], err) == -1)
			return -1;
		int seen = caller_sees_realm(request->api->store, &request->caller, ids[i], err);
		if (seen == -1)
			return -1;
		if (seen == 0) {
			error_field(err, path, "there is no such realm");
			err->code = ENOENT;
			return -1;
		}
	}
	*ret_count = json_array_size(list);
	return 0;
}

/* A token lives no longer than the one that made it: else a stolen one would be for ever. */
static int64_t token_expires(const struct request *request, int64_t seconds, int64_t now)
{
	int64_t own = request->caller.expires, wanted = seconds == 0 ? 0 : now + seconds * 1000;

	return own != 0 && (wanted == 0 || wanted > own) ? own : wanted;
}

/* Room for one more that reaches the realm ("": the whole platform). EMLINK: there is none. */
static int token_room(struct store *store, const char *realm, struct error *err)
{
	int64_t count;

	if (store_number(store, err, 0, &count,
			 "SELECT CASE ? WHEN '' THEN (SELECT count(*) FROM tokens WHERE platform = 1)"
			 " ELSE (SELECT count(*) FROM token_realms WHERE realm = ?) END",
			 "ss", realm, realm) == -1)
		return -1;
	if (count >= TOKENS_MAX)
		return error_set(err, EMLINK, "%s has %d tokens, which is the limit; revoke some",
				 *realm == '\0' ? "the platform" : realm, TOKENS_MAX);
	return 0;
}

static int token_insert(struct request *request, const char *id, const char *name, enum caller_role role,
			char (*realms)[ID_TEXT], size_t realm_count, int64_t seconds, const char *token,
			struct error *err)
{
	struct store *store = request->api->store;
	uint8_t hash[DIGEST_BYTES];
	int64_t now = time_now_ms();

	auth_hash(token, hash);
	/* expires 0 becomes NULL: never. */
	if (store_do(store, err, "DELETE FROM tokens WHERE expires <= ?", "i", now) == -1 ||
	    (realm_count == 0 && token_room(store, "", err) == -1) ||
	    store_do(store, err,
		     "INSERT INTO tokens (id, name, hash, role, platform, created, expires)"
		     " VALUES (?, ?, ?, ?, ?, ?, nullif(?, 0))",
		     "ssbiiii", id, name, hash, sizeof hash, (int64_t)role, (int64_t)(realm_count == 0), now,
		     token_expires(request, seconds, now)) == -1)
		return -1;
	for (size_t i = 0; i < realm_count; i++)
		if (token_room(store, realms[i], err) == -1 ||
		    store_do(store, err, "INSERT OR IGNORE INTO token_realms (token, realm) VALUES (?, ?)", "ss", id,
			     realms[i]) == -1)
			return -1;
	return idempotency_record(request, id, err);
}

void tokens_create(struct request *request)
{
	char name[NAME_MAX_TOKEN + 1] = "", role_name[16], id[ID_TEXT], token[TOKEN_TEXT], realms[TOKEN_REALMS_MAX][ID_TEXT];
	uint8_t random[TOKEN_BYTES];
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	int64_t seconds = 0;
	json_t *list = NULL;
	size_t realm_count;
	enum caller_role role;
	cleanup_query sqlite3_stmt *query = NULL;
	json_t *body;
	int before;
	const struct json_field fields[] = {
		{ "name", JSON_KIND_STRING, false, 0, NAME_MAX_TOKEN, name, NULL },
		{ "role", JSON_KIND_STRING, true, 1, sizeof role_name - 1, role_name, NULL },
		{ "realms", JSON_KIND_ARRAY, false, 1, TOKEN_REALMS_MAX, &list, NULL },
		{ "expires_in", JSON_KIND_INTEGER, false, 1, TOKEN_SECONDS_MAX, &seconds, NULL },
	};

	if (json_read(request->json, "", fields, 4, &err) == -1)
		goto fail;
	if (!caller_role_parse(role_name, &role)) {
		error_field(&err, "role", "role must be admin, operator or reader");
		goto fail;
	}
	if (store_begin(store, &err) == -1)
		goto fail;
	before = idempotency_check(request, id);
	if (before != 0) {
		store_rollback(store);
		if (before == 1)
			token_answer(request, 201, id); /* without its text, which nobody has any more */
		return;
	}
	if (realms_read(request, list, realms, &realm_count, &err) == -1)
		goto fail;
	if (realm_count == 0 && request->caller.realm[0] != '\0')
		memcpy(realms[realm_count++], request->caller.realm, ID_TEXT);
	if (realm_count == 0 && !request->caller.platform) {
		store_rollback(store);
		request_fail(request, 403, "forbidden", "realms",
			     "only a token that is not bound to realms may make another such one: name realms");
		return;
	}
	id_generate(id);
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		abort(); /* cannot happen for 32 bytes, getrandom(2) */
	hex_encode(random, sizeof random, token);
	OPENSSL_cleanse(random, sizeof random);
	if (token_insert(request, id, name, role, realms, realm_count, seconds, token, &err) == -1 ||
	    store_commit(store, &err) == -1)
		goto fail;

	query = store_query(store, &err, SELECT " WHERE id = ?", "s", id);
	if (query == NULL || query_step(query, &err) != 1)
		goto fail;
	body = token_json(request, query);
	json_object_set_new(body, "token", json_string(token));
	OPENSSL_cleanse(token, sizeof token);
	request_answer(request, 201, body);
	return;

fail:
	store_rollback(store);
	request_fail_error(request, &err);
}

void tokens_delete(struct request *request)
{
	struct error err = ERROR_INIT;
	int count = store_run(request->api->store, &err, "DELETE FROM tokens WHERE id = ? AND" WITHIN_SQL,
			      "s" SCOPE_TYPES, request->id, SCOPE_VALUES(request));

	if (count == -1) {
		request_fail_error(request, &err);
	} else if (count == 0) {
		request_fail_missing(request, "token", NULL);
	} else {
		sessions_revoke(request->id);
		request_answer(request, 204, NULL);
	}
}
