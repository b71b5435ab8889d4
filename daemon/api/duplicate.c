/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * duplicate: another container like one that is there, or as it was at a snapshot: with all its settings, and
 * with ids, addresses and a URL of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/api/allocate.h"
#include "daemon/api/api.h"
#include "daemon/api/container.h"
#include "daemon/api/copy.h"
#include "daemon/api/idempotency.h"
#include "daemon/api/lifecycle.h"
#include "daemon/api/merge.h"
#include "daemon/api/name.h"
#include "daemon/api/permissions.h"
#include "daemon/api/removal.h"
#include "daemon/api/resources.h"
#include "daemon/api/runtime.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"

struct wish {
	char name[NAME_MAX_LABEL + 1], project[ID_TEXT], snapshot[ID_TEXT];
	bool start;
};

static int wish_read(json_t *body, struct wish *wish, struct error *err)
{
	const struct json_field fields[] = {
		{ "name", JSON_KIND_STRING, true, 1, NAME_MAX_LABEL, wish->name, NULL },
		{ "project", JSON_KIND_STRING, false, ID_TEXT - 1, ID_TEXT - 1, wish->project, NULL },
		{ "snapshot", JSON_KIND_STRING, false, ID_TEXT - 1, ID_TEXT - 1, wish->snapshot, NULL },
		{ "start", JSON_KIND_BOOLEAN, false, 0, 0, &wish->start, NULL },
	};

	*wish = (struct wish){ 0 };
	if (json_read(body, "", fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	return name_check(wish->name, "name", err);
}

/* The project it goes to: of the same realm, since its files may be shared with the realm's others. */
static int project_check(struct request *request, struct wish *wish, struct error *err)
{
	cleanup_query sqlite3_stmt *query = store_query(
		request->api->store, err,
		"SELECT q.id FROM containers c JOIN projects p ON p.id = c.project JOIN projects q ON q.realm = p.realm"
		" WHERE c.id = ? AND q.id = CASE WHEN ? = '' THEN c.project ELSE ? END",
		"sss", request->id, wish->project, wish->project);
	int step = query == NULL ? -1 : query_step(query, err);

	if (step == 1)
		snprintf(wish->project, sizeof wish->project, "%s", query_text(query, 0));
	if (step == 0) {
		error_field(err, "project", "there is no such project in the container's realm");
		err->code = ENOENT;
		return -1;
	}
	return step == -1 ? -1 : 0;
}

static int source_read(struct request *request, const struct wish *wish, struct copy_message *copy, struct error *err)
{
	struct store *store = request->api->store;
	int64_t found = 1, id_base, disk_max;

	snprintf(copy->from, sizeof copy->from, "%.24s", wish->snapshot[0] != '\0' ? wish->snapshot : request->id);
	if (wish->snapshot[0] != '\0' &&
	    store_number(store, err, 0, &found, "SELECT count(*) FROM snapshots WHERE id = ? AND container = ? AND deleted IS NULL", "ss",
			 wish->snapshot, request->id) == -1)
		return -1;
	if (found == 0) {
		error_field(err, "snapshot", "the container has no such snapshot");
		err->code = ENOENT;
		return -1;
	}
	if (store_number(store, err, 0, &id_base, "SELECT id_base FROM containers WHERE id = ?", "s", request->id) == -1 ||
	    store_number(store, err, 0, &disk_max, "SELECT disk_max FROM containers WHERE id = ?", "s", request->id) == -1)
		return -1;
	copy->from_base = (uint32_t)id_base;
	copy->disk_max = (uint64_t)disk_max;
	return 0;
}

/* Marked as deleted until its files are there. */
static int row_insert(struct request *request, const struct wish *wish, struct copy_message *copy, struct error *err)
{
	struct store *store = request->api->store;
	struct allocation allocation;
	int64_t same;

	if (store_number(store, err, 0, &same, "SELECT count(*) FROM containers WHERE project = ? AND name = ? AND deleted IS NULL",
			 "ss", wish->project, wish->name) == -1)
		return -1;
	if (same > 0) {
		error_field(err, "name", "the project has a container named %s already", wish->name);
		err->code = EEXIST;
		return -1;
	}
	id_generate(copy->to);
	if (allocate(store, &request->api->cfg.container_pool, copy->to, time_now_ms(), &allocation, err) == -1)
		return -1;
	copy->to_base = allocation.id_base;
	if (store_do(store, err,
		     "INSERT INTO containers (id, project, name, image, wanted, id_base, ipv4, ipv6, port, command, environment,"
		     " memory_max, swap_max, disk_max, cpu_percent, cpu_weight, pids_max, merge, created, deleted, user, folder,"
		     " restart, labels, start_order, cpus, read_max, write_max, seccomp, services, memory_high)"
		     " SELECT ?, ?, ?, image, 0, ?, ?, ?, port, command, environment, memory_max, swap_max, disk_max, cpu_percent,"
		     " cpu_weight, pids_max, 0, ?, ?, user, folder, restart, labels, start_order, cpus, read_max, write_max,"
		     " seccomp, services, memory_high"
		     " FROM containers WHERE id = ?",
		     "sssiibiis", copy->to, wish->project, wish->name, (int64_t)allocation.id_base, (int64_t)allocation.ipv4,
		     allocation.ipv6, sizeof allocation.ipv6, time_now_ms(), time_now_ms(), request->id) == -1)
		return -1;
	/* Its rules, too: a copy must not reach more. The host's ports stay with whom they lead to. */
	if (store_do(store, err,
			"INSERT INTO firewalls (id, container, version, document)"
			" SELECT ?1, ?1, 1, json_set(document, '$.ports', json('[]')) FROM firewalls WHERE id = ?2", "ss", copy->to, request->id) == -1)
		return -1;
	/* And whom it lets in: it must not be open to more. */
	return store_do(store, err, "INSERT INTO permissions (id, container, version, document) SELECT ?1, ?1, 1, document FROM permissions WHERE id = ?2",
			"ss", copy->to, request->id);
}

/* It was never there for anybody. */
static void take_back(struct request *request, const char *id)
{
	runtime_reaping(request->api->store, id, false);
	(void)removal_begin(request->api, id, NULL);
}

static void duplicated(struct request *request, const struct copy_message *copy, const struct copy_reply_message *reply,
		       const struct error *err)
{
	struct store *store = request->api->store;
	struct error failure = ERROR_INIT;
	bool start = json_is_true(json_object_get(request->json, "start"));

	(void)reply;
	if (err == NULL &&
	    (permissions_push(request->api, copy->to, &failure) == -1 || store_begin(store, &failure) == -1 ||
	     store_do(store, &failure, "UPDATE containers SET deleted = NULL, wanted = ? WHERE id = ?", "is", (int64_t)start,
		      copy->to) == -1 ||
	     merge_decide(store, copy->to, &failure) == -1 || idempotency_record(request, copy->to, &failure) == -1 ||
	     store_commit(store, &failure) == -1)) {
		store_rollback(store);
		if (failure.code == EEXIST) {
			error_field(&failure, "name", "the project has a container of this name already");
			failure.code = EEXIST;
		}
		err = &failure;
	}
	if (err != NULL) {
		copy_fail(request, err);
		take_back(request, copy->to);
		return;
	}
	runtime_reaping(store, copy->to, false);
	if (start)
		lifecycle_begin(request->api, copy->to, request, 201, true);
	else
		container_answer(request, 201, copy->to);
}

void containers_copy(struct request *request)
{
	struct copy_message copy = { 0 };
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	char id[ID_TEXT];
	struct wish wish;
	int before, visible;

	if (container_host_goes_down(request))
		return;
	if (wish_read(request->json, &wish, &err) == -1 || store_begin(store, &err) == -1)
		goto fail;
	before = idempotency_check(request, id);
	visible = before != 0 ? 1 : container_visible(request, &err);
	if (before != 0 || visible == 0) {
		store_rollback(store);
		if (before == 1)
			container_answer(request, 201, id);
		else if (before == 0)
			request_fail_missing(request, "container", NULL);
		return;
	}
	if (visible == -1 || project_check(request, &wish, &err) == -1 || source_read(request, &wish, &copy, &err) == -1 ||
	    row_insert(request, &wish, &copy, &err) == -1 || store_commit(store, &err) == -1)
		goto fail;
	runtime_reaping(store, copy.to, true); /* nobody removes it meanwhile */
	if (copy_begin(request, &copy, duplicated, &err) == -1) {
		copy_fail(request, &err);
		take_back(request, copy.to);
	}
	return;

fail:
	store_rollback(store);
	request_fail_error(request, &err);
}
