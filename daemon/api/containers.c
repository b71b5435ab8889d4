/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * containers: made, listed, started, stopped, deleted.
 */
#include "daemon/api/container.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/api/allocate.h"
#include "daemon/api/api.h"
#include "daemon/api/confinement.h"
#include "daemon/api/defaults.h"
#include "daemon/api/idempotency.h"
#include "daemon/api/lifecycle.h"
#include "daemon/api/merge.h"
#include "daemon/api/page.h"
#include "daemon/api/removal.h"
#include "daemon/api/resources.h"
#include "daemon/api/runtime.h"
#include "daemon/api/services.h"
#include "daemon/api/spec.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

enum { STOP_SECONDS_DEFAULT = 10, STOP_SECONDS_MAX = 300, PORT_DEFAULT = 80 };

void containers_list(struct request *request)
{
	const char *project = request_query(request, "project"), *realm = request_query(request, "realm");
	const char *label = request_query(request, "label"), *value = label == NULL ? NULL : strchr(label, '=');
	char path[80] = "";
	struct error err = ERROR_INIT;
	struct page page;

	if (page_read(request, &page) == -1)
		return;
	if (label != NULL) {
		size_t size = strcspn(label, "=");
		if (size == 0 || size >= sizeof path - 4 || memchr(label, '"', size) != NULL) {
			request_fail(request, 400, "invalid", "label", "label is NAME or NAME=VALUE");
			return;
		}
		snprintf(path, sizeof path, "$.\"%.*s\"", (int)size, label);
	}
	/* A name alone: whatever its value is. */
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err,
			    CONTAINER_SELECT SCOPE_SQL("p.realm") "AND c.id > ? AND c.project = ifnull(?, c.project)"
							" AND p.realm = ifnull(?, p.realm) AND (? = '' OR"
							" json_extract(c.labels, nullif(?, '')) = ifnull(?, json_extract(c.labels, nullif(?, ''))))"
							" ORDER BY c.id LIMIT ?",
			    SCOPE_TYPES "sssssssi", SCOPE_VALUES(request), page.after, project, realm, path, path,
			    value == NULL ? NULL : value + 1, path, page.limit + 1);
	page_answer(request, &page, query, &err, container_json);
}

void containers_show(struct request *request)
{
	container_answer(request, 200, request->id);
}

/* The image that the client names by id, digest or name (the newest), if the caller's realm may use it. */
static int image_find(struct store *store, const char *realm, const char *image, char ret_id[ID_TEXT], struct error *err)
{
	const char *digest = strncmp(image, "sha256:", 7) == 0 ? image + 7 : image;
	cleanup_query sqlite3_stmt *query =
		store_query(store, err,
			    "SELECT id FROM images WHERE (id = ? OR digest = ? OR name = ?) AND (realm IS NULL OR realm = ?)"
			    " ORDER BY realm IS NULL, created DESC LIMIT 1",
			    "ssss", image, digest, image, realm);
	int step = query == NULL ? -1 : query_step(query, err);

	if (step == 1)
		snprintf(ret_id, ID_TEXT, "%s", query_text(query, 0));
	return step;
}

/* What the image leaves open, and whether both go together. */
static int image_apply(struct store *store, const char *image, struct spec *spec, struct error *err)
{
	static struct container_message message; /* large */
	cleanup_json json_t *config = NULL;

	message = (struct container_message){ 0 };
	if (defaults_load(store, image, &config, err) == -1 ||
	    defaults_fill(config, spec->command, spec->environment, &message, err) == -1)
		return -1;
	if (spec->port == 0)
		spec->port = defaults_port(config, PORT_DEFAULT);
	return 0;
}

/* What an exported container takes along, where the body says nothing else. */
static int settings_apply(struct request *request, const char *image, struct spec *spec, struct error *err)
{
	static const char *const keys[] = { "limits", "restart", "labels", "start_order", "seccomp", "port", "services" };
	cleanup_query sqlite3_stmt *row = store_query(request->api->store, err, "SELECT settings FROM images WHERE id = ?", "s", image);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step != 1 || *query_text(row, 0) == '\0')
		return step == -1 ? -1 : 0;
	cleanup_json json_t *settings = json_loads(query_text(row, 0), 0, NULL);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		json_t *value = json_object_get(settings, keys[i]);
		if (value != NULL && json_object_get(request->json, keys[i]) == NULL && json_object_set(request->json, keys[i], value) == -1)
			return error_set(err, ENOBUFS, "no memory for a container");
	}
	return spec_read(request->json, spec, err);
}

static int container_insert(struct request *request, const struct spec *spec, const char *image, const char *id,
			    struct error *err)
{
	struct store *store = request->api->store;
	cleanup_free char *command = spec->command == NULL ? strdup("") : json_dumps(spec->command, JSON_COMPACT);
	cleanup_free char *environment = spec->environment == NULL ? strdup("{}") : json_dumps(spec->environment, JSON_COMPACT);
	cleanup_free char *labels = spec->labels == NULL ? strdup("{}") : json_dumps(spec->labels, JSON_COMPACT);
	cleanup_json json_t *whole = confinement_whole(spec->seccomp);
	cleanup_free char *seccomp = whole == NULL ? NULL : json_dumps(whole, JSON_COMPACT);
	cleanup_free char *services = services_text(spec->services);
	struct allocation allocation;

	if (command == NULL || environment == NULL || labels == NULL || seccomp == NULL || services == NULL)
		return error_set(err, ENOMEM, "no memory for a container");
	if (allocate(store, &request->api->cfg.container_pool, id, time_now_ms(), &allocation, err) == -1)
		return -1;
	if (store_do(store, err,
		      "INSERT INTO containers (id, project, name, image, wanted, id_base, ipv4, ipv6, port, command,"
		      " environment, memory_max, swap_max, disk_max, cpu_percent, cpu_weight, pids_max, merge, created, user,"
		      " folder, restart, labels, start_order, cpus, read_max, write_max, seccomp, services, memory_high)"
		      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, nullif(?, ''), nullif(?, ''), ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		      "ssssiiibissiiiiiiissisisiissi", id, spec->project, spec->name, image, (int64_t)CONTAINER_WANTED_RUNNING,
		      (int64_t)allocation.id_base, (int64_t)allocation.ipv4, allocation.ipv6, sizeof allocation.ipv6,
		      spec->port, command, environment, spec->memory_max, spec->swap_max, spec->disk_max, spec->cpu_percent,
		      spec->cpu_weight, spec->pids_max, time_now_ms(), spec->user, spec->folder,
		      spec->restart, labels, spec->start_order, spec->cpus, spec->read_max, spec->write_max,
		      seccomp, services, spec->memory_high) == -1) {
		if (err->code == EEXIST) {
			error_field(err, "name", "the project has a container named %s already", spec->name);
			err->code = EEXIST;
		}
		return -1;
	}
	return 0;
}

/* 1 and the realm of a project that the caller sees, 0, or -1 with err. */
static int project_realm(struct request *request, const char *project, char ret_realm[ID_TEXT], struct error *err)
{
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, err, "SELECT realm FROM projects WHERE id = ? AND" SCOPE_SQL("realm"),
			    "s" SCOPE_TYPES, project, SCOPE_VALUES(request));
	int step = query == NULL ? -1 : query_step(query, err);

	if (step == 1)
		snprintf(ret_realm, ID_TEXT, "%s", query_text(query, 0));
	return step;
}

void containers_create(struct request *request)
{
	char id[ID_TEXT], image[ID_TEXT], realm[ID_TEXT];
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	struct spec spec;
	int before, found;
	bool wait;

	if (request_query_bool(request, "wait", true, &wait) == -1 || container_host_goes_down(request))
		return;
	if (spec_read(request->json, &spec, &err) == -1 || store_begin(store, &err) == -1)
		goto fail;
	before = idempotency_check(request, id);
	if (before != 0) {
		store_rollback(store);
		if (before == 1)
			container_answer(request, 201, id);
		return;
	}
	found = project_realm(request, spec.project, realm, &err);
	if (found == -1)
		goto fail;
	if (found == 0) {
		store_rollback(store);
		request_fail_missing(request, "project", "project");
		return;
	}
	found = image_find(store, realm, spec.image, image, &err);
	if (found == -1)
		goto fail;
	if (found == 0) {
		store_rollback(store);
		request_fail_missing(request, "image", "image");
		return;
	}
	id_generate(id);
	if (settings_apply(request, image, &spec, &err) == -1 || image_apply(store, image, &spec, &err) == -1 || container_insert(request, &spec, image, id, &err) == -1 || merge_decide(store, id, &err) == -1 ||
	    idempotency_record(request, id, &err) == -1 || store_commit(store, &err) == -1)
		goto fail;
	lifecycle_begin(request->api, id, request, 201, wait);
	return;

fail:
	store_rollback(store);
	request_fail_error(request, &err);
}

void containers_start(struct request *request)
{
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	int64_t state;
	bool wait;

	if (request_query_bool(request, "wait", true, &wait) == -1 || container_host_goes_down(request) ||
	    !container_want(request, &state))
		return;
	/* One that runs, or may, has opted in or not when it was started. */
	if ((state == CONTAINER_STATE_STOPPED || state == CONTAINER_STATE_FAILED) &&
	    merge_decide(store, request->id, &err) == -1)
		goto fail;
	if (store_commit(store, &err) == -1)
		goto fail;
	lifecycle_begin(request->api, request->id, request, 200, wait);
	return;

fail:
	store_rollback(store);
	request_fail_error(request, &err);
}

void containers_stop(struct request *request)
{
	struct error err = ERROR_INIT;
	int64_t seconds;

	if (request_query_number(request, "timeout", STOP_SECONDS_DEFAULT, 0, STOP_SECONDS_MAX, &seconds) == -1)
		return;
	int set = container_wanted_set(request, CONTAINER_WANTED_STOPPED, &err);
	if (set == -1)
		request_fail_error(request, &err);
	else if (set == 0)
		request_fail_missing(request, "container", NULL);
	else
		lifecycle_end(request->api, request->id, request, seconds * 1000);
}

void containers_delete(struct request *request)
{
	struct error err = ERROR_INIT;

	/* A tombstone that is not revoked yet counts: whoever repeats a DELETE waits for the revocation too. */
	struct store *store = request->api->store;
	int set = store_begin(store, &err) == -1 ? -1 :
		  store_run(store, &err,
			    "UPDATE containers SET deleted = ifnull(deleted, ?), wanted = 0 WHERE id = ? AND revoked IS NULL"
			    " AND project IN (SELECT id FROM projects WHERE" SCOPE_SQL("realm") ")",
			    "is" SCOPE_TYPES, time_now_ms(), request->id, SCOPE_VALUES(request));
	/* Its snapshots and aliases go with it. */
	if (set > 0 && (store_do(store, &err, "DELETE FROM aliases WHERE container = ?", "s", request->id) == -1 ||
			store_do(store, &err, "UPDATE snapshots SET deleted = ? WHERE container = ? AND deleted IS NULL", "is",
				 time_now_ms(), request->id) == -1 ||
			store_commit(store, &err) == -1))
		set = -1;
	if (set <= 0)
		store_rollback(store);
	if (set == -1)
		request_fail_error(request, &err);
	else if (set == 0)
		request_fail_missing(request, "container", NULL);
	else
		removal_begin(request->api, request->id, request);
}

