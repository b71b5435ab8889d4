/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * projects: groups of containers within a realm. The id is the first half of
 * every URL of its containers.
 */
#include <errno.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/auth.h"
#include "daemon/api/idempotency.h"
#include "daemon/api/name.h"
#include "daemon/api/page.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

#define SELECT "SELECT id, realm, name, created FROM projects"

static json_t *project_json(struct request *request, sqlite3_stmt *row)
{
	(void)request;
	return json_pack("{s:s, s:s, s:s, s:o}", "id", query_text(row, 0), "realm", query_text(row, 1), "name",
			 query_text(row, 2), "created_at", time_json(query_int(row, 3)));
}

static void project_answer(struct request *request, unsigned int status, const char *id)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err, SELECT " WHERE id = ? AND" SCOPE_SQL("realm"), "s" SCOPE_TYPES,
			    id, SCOPE_VALUES(request));

	row_answer(request, status, "project", query, &err, project_json);
}

void projects_list(struct request *request)
{
	const char *realm = request_query(request, "realm");
	struct error err = ERROR_INIT;
	struct page page;

	if (page_read(request, &page) == -1)
		return;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err,
			    SELECT " WHERE" SCOPE_SQL("realm") "AND id > ? AND realm = ifnull(?, realm) ORDER BY id LIMIT ?",
			    SCOPE_TYPES "ssi", SCOPE_VALUES(request), page.after, realm, page.limit + 1);
	page_answer(request, &page, query, &err, project_json);
}

void projects_show(struct request *request)
{
	project_answer(request, 200, request->id);
}

void projects_create(struct request *request)
{
	char name[NAME_MAX_LABEL + 1], realm[ID_TEXT], id[ID_TEXT];
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	const struct json_field fields[] = {
		{ "realm", JSON_KIND_STRING, request->caller.realm[0] == '\0', 1, ID_TEXT - 1, realm, NULL },
		{ "name", JSON_KIND_STRING, true, 1, NAME_MAX_LABEL, name, NULL },
	};
	int before, seen;

	memcpy(realm, request->caller.realm, sizeof realm); /* of the host name, unless the body says another */
	if (json_read(request->json, "", fields, 2, &err) == -1 || name_check(name, "name", &err) == -1)
		goto fail;
	if (store_begin(store, &err) == -1)
		goto fail;
	before = idempotency_check(request, id);
	if (before != 0) {
		store_rollback(store);
		if (before == 1)
			project_answer(request, 201, id);
		return;
	}
	seen = caller_sees_realm(store, &request->caller, realm, &err);
	if (seen == -1)
		goto fail;
	if (seen == 0) {
		store_rollback(store);
		request_fail_missing(request, "realm", "realm");
		return;
	}
	id_generate(id);
	if (store_run(store, &err, "INSERT INTO projects (id, realm, name, created) VALUES (?, ?, ?, ?)", "sssi", id,
		      realm, name, time_now_ms()) == -1) {
		if (err.code == EEXIST)
			error_field(&err, "name", "the realm has a project named %s already", name), err.code = EEXIST;
		goto fail;
	}
	if (idempotency_record(request, id, &err) == -1 || store_commit(store, &err) == -1)
		goto fail;
	project_answer(request, 201, id);
	return;

fail:
	store_rollback(store);
	request_fail_error(request, &err);
}

void projects_delete(struct request *request)
{
	struct error err = ERROR_INIT;
	int count = store_run(request->api->store, &err, "DELETE FROM projects WHERE id = ? AND" SCOPE_SQL("realm"),
			      "s" SCOPE_TYPES, request->id, SCOPE_VALUES(request));

	if (count == -1 && err.code == EBUSY)
		error_set(&err, EBUSY, "the project still has containers, or deleted ones that are being cleaned up");
	if (count == -1)
		request_fail_error(request, &err);
	else if (count == 0)
		request_fail_missing(request, "project", NULL);
	else
		request_answer(request, 204, NULL);
}
