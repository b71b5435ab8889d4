/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshots: what a container had written at one moment, kept beside it. They belong to it and go with it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/container.h"
#include "daemon/api/copy.h"
#include "daemon/api/idempotency.h"
#include "daemon/api/name.h"
#include "daemon/api/page.h"
#include "daemon/api/resources.h"
#include "daemon/api/runtime.h"
#include "daemon/api/snapshots.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"

#define SELECT \
	"SELECT s.id, s.container, s.name, s.created, s.entries, s.bytes, s.id_base FROM snapshots s" \
	" JOIN containers c ON c.id = s.container JOIN projects p ON p.id = c.project" \
	" WHERE s.deleted IS NULL AND c.deleted IS NULL AND" SCOPE_SQL("p.realm")

static json_t *snapshot_json(struct request *request, sqlite3_stmt *row)
{
	(void)request;
	return json_pack("{s:s, s:s, s:s, s:o, s:I, s:I}", "id", query_text(row, 0), "container", query_text(row, 1), "name",
			 query_text(row, 2), "created_at", time_json(query_int(row, 3)), "entries", (json_int_t)query_int(row, 4),
			 "bytes", (json_int_t)query_int(row, 5));
}

static void snapshot_answer(struct request *request, unsigned int status, const char *id)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err, SELECT "AND s.id = ?", SCOPE_TYPES "s", SCOPE_VALUES(request), id);

	row_answer(request, status, "snapshot", query, &err, snapshot_json);
}

void snapshots_list(struct request *request)
{
	struct error err = ERROR_INIT;
	struct page page;

	if (page_read(request, &page) == -1)
		return;
	int visible = container_visible(request, &err);
	if (visible == -1) {
		request_fail_error(request, &err);
		return;
	}
	if (visible == 0) {
		request_fail_missing(request, "container", NULL);
		return;
	}
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err, SELECT "AND s.container = ? AND s.id > ? ORDER BY s.id LIMIT ?",
			    SCOPE_TYPES "ssi", SCOPE_VALUES(request), request->id, page.after, page.limit + 1);
	page_answer(request, &page, query, &err, snapshot_json);
}

void snapshots_show(struct request *request)
{
	snapshot_answer(request, 200, request->id);
}

/* Marked for removal; the files follow. */
static void snapshot_drop(struct api *api, const char *id)
{
	struct error err = ERROR_INIT;

	if (store_do(api->store, &err, "UPDATE snapshots SET deleted = ifnull(deleted, ?) WHERE id = ?", "is", time_now_ms(), id) == -1)
		log_error("%s", err.message);
	copy_resume(api);
}

static void snapshot_made(struct request *request, const struct copy_message *copy, const struct copy_reply_message *reply,
			  const struct error *err)
{
	struct store *store = request->api->store;
	struct error failure = ERROR_INIT;

	if (err == NULL &&
	    (store_begin(store, &failure) == -1 ||
	     store_do(store, &failure, "UPDATE snapshots SET deleted = NULL, entries = ?, bytes = ? WHERE id = ?", "iis",
		      (int64_t)reply->entries, (int64_t)reply->bytes, copy->to) == -1 ||
	     idempotency_record(request, copy->to, &failure) == -1 || store_commit(store, &failure) == -1)) {
		store_rollback(store);
		if (failure.code == EEXIST) {
			error_field(&failure, "name", "the container has a snapshot of this name already");
			failure.code = EEXIST;
		}
		err = &failure;
	}
	if (err == NULL) {
		snapshot_answer(request, 201, copy->to);
		return;
	}
	copy_fail(request, err);
	snapshot_drop(request->api, copy->to);
}

/* Room for one more, and the name is free. 0, or -1 with err. */
static int room_check(struct request *request, const char *name, struct error *err)
{
	struct store *store = request->api->store;
	int64_t count, same;

	if (store_number(store, err, 0, &count, "SELECT count(*) FROM snapshots WHERE container = ?", "s", request->id) == -1 ||
	    store_number(store, err, 0, &same, "SELECT count(*) FROM snapshots WHERE container = ? AND name = ? AND deleted IS NULL",
			 "ss", request->id, name) == -1)
		return -1;
	if (same > 0) {
		error_field(err, "name", "the container has a snapshot named %s already", name);
		err->code = EEXIST;
		return -1;
	}
	if (count >= SNAPSHOTS_MAX)
		return error_set(err, EMLINK, "a container has at most %d snapshots; delete one first", SNAPSHOTS_MAX);
	return 0;
}

void snapshots_create(struct request *request)
{
	struct copy_message copy = { .snapshot = 1 };
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	char name[NAME_MAX_LABEL + 1], before_id[ID_TEXT];
	const struct json_field fields[] = { { "name", JSON_KIND_STRING, true, 1, NAME_MAX_LABEL, name, NULL } };
	int64_t id_base;
	int before, visible;

	if (json_read(request->json, "", fields, 1, &err) == -1 || name_check(name, "name", &err) == -1 ||
	    store_begin(store, &err) == -1)
		goto fail;
	before = idempotency_check(request, before_id);
	visible = before != 0 ? 1 : container_visible(request, &err);
	if (before != 0 || visible == 0) {
		store_rollback(store);
		if (before == 1)
			snapshot_answer(request, 201, before_id);
		else if (before == 0)
			request_fail_missing(request, "container", NULL);
		return;
	}
	id_generate(copy.to);
	if (visible == -1 || room_check(request, name, &err) == -1 ||
	    store_number(store, &err, 0, &id_base, "SELECT id_base FROM containers WHERE id = ?", "s", request->id) == -1 ||
	    store_do(store, &err, "INSERT INTO snapshots (id, container, name, id_base, created, deleted) VALUES (?, ?, ?, ?, ?, ?)",
		     "sssiii", copy.to, request->id, name, id_base, time_now_ms(), time_now_ms()) == -1 ||
	    store_commit(store, &err) == -1)
		goto fail;
	snprintf(copy.from, sizeof copy.from, "%.24s", request->id);
	copy.from_base = copy.to_base = (uint32_t)id_base;
	if (copy_begin(request, &copy, snapshot_made, &err) == -1) {
		copy_fail(request, &err);
		snapshot_drop(request->api, copy.to);
	}
	return;

fail:
	store_rollback(store);
	request_fail_error(request, &err);
}

void snapshots_delete(struct request *request)
{
	struct error err = ERROR_INIT;
	int count = store_run(request->api->store, &err,
			      "UPDATE snapshots SET deleted = ? WHERE deleted IS NULL AND id = ? AND container IN (SELECT c.id FROM"
			      " containers c JOIN projects p ON p.id = c.project WHERE c.deleted IS NULL AND" SCOPE_SQL("p.realm") ")",
			      "is" SCOPE_TYPES, time_now_ms(), request->id, SCOPE_VALUES(request));

	if (count == -1) {
		request_fail_error(request, &err);
	} else if (count == 0) {
		request_fail_missing(request, "snapshot", NULL);
	} else {
		request_answer(request, 204, NULL);
		copy_resume(request->api);
	}
}

static void snapshot_restored(struct request *request, const struct copy_message *copy, const struct copy_reply_message *reply,
			      const struct error *err)
{
	(void)reply;
	if (err != NULL)
		copy_fail(request, err);
	else
		container_answer(request, 200, copy->to);
}

void snapshots_restore(struct request *request)
{
	struct copy_message copy = { .replace = 1 };
	struct error err = ERROR_INIT;
	int64_t state, wanted;
	cleanup_query sqlite3_stmt *row =
		store_query(request->api->store, &err, SELECT "AND s.id = ?", SCOPE_TYPES "s", SCOPE_VALUES(request), request->id);
	int step = row == NULL ? -1 : query_step(row, &err);

	if (step == 0) {
		request_fail_missing(request, "snapshot", NULL);
		return;
	}
	if (step == 1) {
		snprintf(copy.from, sizeof copy.from, "%s", query_text(row, 0));
		snprintf(copy.to, sizeof copy.to, "%s", query_text(row, 1));
		copy.from_base = copy.to_base = (uint32_t)query_int(row, 6);
	}
	if (step == -1 || runtime_state(request->api->store, copy.to, &state, &err) == -1 ||
	    store_number(request->api->store, &err, 0, &wanted, "SELECT wanted FROM containers WHERE id = ?", "s", copy.to) == -1 ||
	    store_number(request->api->store, &err, 0, (int64_t *)&copy.disk_max, "SELECT disk_max FROM containers WHERE id = ?", "s",
			 copy.to) == -1) {
		request_fail_error(request, &err);
		return;
	}
	if (wanted != 0 || (state != CONTAINER_STATE_STOPPED && state != CONTAINER_STATE_FAILED && state != -1)) {
		request_fail(request, 409, "conflict", NULL, "the container is %s; stop it before a snapshot is brought back",
			     container_state_name(state, wanted != 0));
		return;
	}
	if (copy_begin(request, &copy, snapshot_restored, &err) == -1)
		copy_fail(request, &err);
}
