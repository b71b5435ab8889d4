/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * realms: tenants. Made and deleted by platform admins; `sharing` says whose
 * memory pages may be merged (KSM): none, within the realm, or with the host's
 * other `host` realms.
 */
#include <errno.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/audit.h"
#include "daemon/api/idempotency.h"
#include "daemon/api/name.h"
#include "daemon/api/page.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

#define SELECT "SELECT id, name, sharing, created FROM realms"

static json_t *realm_json(struct request *request, sqlite3_stmt *row)
{
	(void)request;
	return json_pack("{s:s, s:s, s:s, s:o}", "id", query_text(row, 0), "name", query_text(row, 1), "sharing",
			 query_text(row, 2), "created_at", time_json(query_int(row, 3)));
}

static void realm_answer(struct request *request, unsigned int status, const char *id)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err, SELECT " WHERE id = ? AND" SCOPE_SQL("id"), "s" SCOPE_TYPES, id,
			    SCOPE_VALUES(request));

	row_answer(request, status, "realm", query, &err, realm_json);
}

void realms_list(struct request *request)
{
	struct error err = ERROR_INIT;
	struct page page;

	if (page_read(request, &page) == -1)
		return;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err,
			    SELECT " WHERE" SCOPE_SQL("id") "AND id > ? ORDER BY id LIMIT ?", SCOPE_TYPES "si",
			    SCOPE_VALUES(request), page.after, page.limit + 1);
	page_answer(request, &page, query, &err, realm_json);
}

void realms_show(struct request *request)
{
	realm_answer(request, 200, request->id);
}

static int sharing_check(const char *sharing, struct error *err)
{
	if (strcmp(sharing, "none") != 0 && strcmp(sharing, "realm") != 0 && strcmp(sharing, "host") != 0)
		return error_field(err, "sharing", "sharing must be none, realm or host");
	return 0;
}

void realms_create(struct request *request)
{
	char name[NAME_MAX_LABEL + 1], sharing[8] = "realm", id[ID_TEXT];
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	const struct json_field fields[] = {
		{ "name", JSON_KIND_STRING, true, 1, NAME_MAX_LABEL, name, NULL },
		{ "sharing", JSON_KIND_STRING, false, 1, sizeof sharing - 1, sharing, NULL },
	};
	int before;

	if (json_read(request->json, "", fields, 2, &err) == -1 || name_check(name, "name", &err) == -1)
		goto fail;
	if (sharing_check(sharing, &err) == -1 || store_begin(store, &err) == -1)
		goto fail;
	before = idempotency_check(request, id);
	if (before != 0) {
		store_rollback(store);
		if (before == 1)
			realm_answer(request, 201, id);
		return;
	}
	id_generate(id);
	if (store_run(store, &err, "INSERT INTO realms (id, name, sharing, created) VALUES (?, ?, ?, ?)", "sssi", id,
		      name, sharing, time_now_ms()) == -1) {
		if (err.code == EEXIST)
			error_field(&err, "name", "a realm named %s exists already", name), err.code = EEXIST;
		goto fail;
	}
	if (idempotency_record(request, id, &err) == -1 || store_commit(store, &err) == -1)
		goto fail;
	audit_push(request->api, id);
	realm_answer(request, 201, id);
	return;

fail:
	store_rollback(store);
	request_fail_error(request, &err);
}

/*
 * What runs keeps what it has opted in to: no process of a container can be told
 * to leave from outside. merge.h holds other realms back until it has ended.
 */
void realms_change(struct request *request)
{
	char sharing[8];
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	const struct json_field fields[] = {
		{ "sharing", JSON_KIND_STRING, true, 1, sizeof sharing - 1, sharing, NULL },
	};
	int count;

	if (json_read(request->json, "", fields, 1, &err) == -1 || sharing_check(sharing, &err) == -1 ||
	    store_begin(store, &err) == -1)
		goto fail;
	count = store_run(store, &err, "UPDATE realms SET sharing = ? WHERE id = ?", "ss", sharing, request->id);
	if (count == -1 ||
	    store_do(store, &err,
		     "UPDATE containers SET unprofitable = 0 WHERE project IN (SELECT id FROM projects WHERE realm = ?)", "s",
		     request->id) == -1 ||
	    store_commit(store, &err) == -1)
		goto fail;
	if (count == 0)
		request_fail_missing(request, "realm", NULL);
	else
		realm_answer(request, 200, request->id);
	return;

fail:
	store_rollback(store);
	request_fail_error(request, &err);
}

void realms_delete(struct request *request)
{
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	int count = store_begin(store, &err);

	/* Its tokens lose it (ON DELETE CASCADE); projects, images and address sets stand in the way. */
	if (count == 0)
		count = store_run(store, &err, "DELETE FROM realms WHERE id = ?", "s", request->id);
	if (count == -1 && err.code == EBUSY)
		error_set(&err, EBUSY, "the realm still has projects, images or address sets; delete them first");
	/* A token that was bound to this realm alone opens nothing any more. */
	if (count == -1 ||
	    store_run(store, &err,
		      "DELETE FROM tokens WHERE platform = 0 AND id NOT IN (SELECT token FROM token_realms)", "") == -1 ||
	    store_commit(store, &err) == -1) {
		store_rollback(store);
		request_fail_error(request, &err);
	} else if (count == 0) {
		request_fail_missing(request, "realm", NULL);
	} else {
		request_answer(request, 204, NULL);
	}
}
