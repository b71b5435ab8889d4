/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/containers.h"
#include "daemon/api/defaults.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/api/allocate.h"
#include "daemon/api/api.h"
#include "daemon/api/confinement.h"
#include "daemon/api/idempotency.h"
#include "daemon/api/lifecycle.h"
#include "daemon/api/merge.h"
#include "daemon/api/page.h"
#include "daemon/api/removal.h"
#include "daemon/api/resources.h"
#include "daemon/api/runtime.h"
#include "daemon/api/spec.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

enum { STOP_SECONDS_DEFAULT = 10, STOP_SECONDS_MAX = 300, PORT_DEFAULT = 80 };

/* Columns by number in container_json and container_message_fill. */
#define SELECT \
	"SELECT c.id, c.project, p.realm, c.name, c.image, i.digest, c.wanted, c.id_base, c.ipv4, c.ipv6, c.port," \
	" c.command, c.environment, c.memory_max, c.swap_max, c.disk_max, c.cpu_percent, c.cpu_weight, c.pids_max," \
	" c.merge, c.created, ifnull(r.state, -1), ifnull(r.message, ''), ifnull(r.start_ms, 0)," \
	" ifnull(r.exit_status, 0), i.name, c.user, c.folder, c.restart, c.labels, c.start_order, c.cpus," \
	" c.read_max, c.write_max, c.seccomp" \
	" FROM containers c JOIN projects p ON p.id = c.project JOIN images i ON i.id = c.image" \
	" LEFT JOIN temp.runtime r ON r.id = c.id WHERE c.deleted IS NULL AND"

static const char *state_name(int64_t state, bool wanted)
{
	switch (state) {
	case CONTAINER_STATE_STOPPED:
		return "stopped";
	case CONTAINER_STATE_STARTING:
		return "starting";
	case CONTAINER_STATE_RUNNING:
		return "running";
	case CONTAINER_STATE_STOPPING:
		return "stopping";
	case CONTAINER_STATE_FAILED:
		return "failed";
	case CONTAINER_STATE_FROZEN:
		return "frozen";
	default: /* -1: the engine has not told yet */
		return wanted ? "starting" : "stopped";
	}
}

static json_t *text_or_null(const char *text)
{
	return *text == '\0' ? json_null() : json_string(text);
}

static json_t *limits_json(sqlite3_stmt *row)
{
	/* No limit is null: 0 would read as nothing at all. */
	json_t *limits = json_object();
	static const char *const names[] = { "memory_max", "swap_max", "disk_max", "cpu_percent", "cpu_weight", "pids_max" };

	for (int i = 0; i < 6; i++) {
		int64_t value = query_int(row, 13 + i);
		bool none = i == 1 ? value == SPEC_NO_LIMIT : value == 0;
		json_object_set_new(limits, names[i], none ? json_null() : json_integer(value));
	}
	json_object_set_new(limits, "cpus", text_or_null(query_text(row, 31)));
	json_object_set_new(limits, "io_read_max", query_int(row, 32) == 0 ? json_null() : json_integer(query_int(row, 32)));
	json_object_set_new(limits, "io_write_max", query_int(row, 33) == 0 ? json_null() : json_integer(query_int(row, 33)));
	return limits;
}

static json_t *container_json(struct request *request, sqlite3_stmt *row)
{
	char ipv4[INET_ADDRSTRLEN], ipv6[INET6_ADDRSTRLEN] = "", url[384];
	struct in_addr address = { .s_addr = htonl((uint32_t)query_int(row, 8)) };
	bool wanted = query_int(row, 6) == CONTAINER_WANTED_RUNNING;
	int64_t state = query_int(row, 21);

	inet_ntop(AF_INET, &address, ipv4, sizeof ipv4);
	if (sqlite3_column_bytes(row, 9) == 16)
		inet_ntop(AF_INET6, sqlite3_column_blob(row, 9), ipv6, sizeof ipv6);
	snprintf(url, sizeof url, "https://%s-%s.%s/", query_text(row, 1), query_text(row, 0), request->api->cfg.domain);

	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", query_text(row, 0), "name",
				 query_text(row, 3), "project", query_text(row, 1), "realm", query_text(row, 2), "image",
				 query_text(row, 4), "digest", query_text(row, 5), "image_name", query_text(row, 25));
	json_object_set_new(body, "state", json_string(state_name(state, wanted)));
	json_object_set_new(body, "wanted", json_string(wanted ? "running" : "stopped"));
	json_object_set_new(body, "message", text_or_null(query_text(row, 22)));
	json_object_set_new(body, "exit_status",
			    state == CONTAINER_STATE_STOPPED ? json_integer(query_int(row, 24)) : json_null());
	json_object_set_new(body, "start_ms",
			    state == CONTAINER_STATE_RUNNING || state == CONTAINER_STATE_FROZEN ? json_integer(query_int(row, 23)) : json_null());
	json_object_set_new(body, "url", json_string(url));
	json_object_set_new(body, "ipv4", json_string(ipv4));
	json_object_set_new(body, "ipv6", json_string(ipv6));
	json_object_set_new(body, "port", json_integer(query_int(row, 10)));
	json_object_set_new(body, "command",
			    *query_text(row, 11) == '\0' ? json_null() : json_loads(query_text(row, 11), 0, NULL));
	json_object_set_new(body, "environment", json_loads(query_text(row, 12), 0, NULL));
	json_object_set_new(body, "user", text_or_null(query_text(row, 26)));
	json_object_set_new(body, "cwd", text_or_null(query_text(row, 27)));
	json_object_set_new(body, "restart", json_string(spec_restart_name(query_int(row, 28))));
	json_object_set_new(body, "labels", json_loads(query_text(row, 29), 0, NULL));
	json_object_set_new(body, "start_order", json_integer(query_int(row, 30)));
	json_object_set_new(body, "seccomp", json_loads(query_text(row, 34), 0, NULL));
	json_object_set_new(body, "limits", limits_json(row));
	json_object_set_new(body, "merge", json_boolean(query_int(row, 19) != 0));
	json_object_set_new(body, "created_at", time_json(query_int(row, 20)));
	return body;
}

void container_answer(struct request *request, unsigned int status, const char *id)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query = store_query(request->api->store, &err, SELECT " c.id = ? AND" SCOPE_SQL("p.realm"),
							"s" SCOPE_TYPES, id, SCOPE_VALUES(request));

	row_answer(request, status, "container", query, &err, container_json);
}

int container_message_fill(struct api *api, const char *id, struct container_message *message, struct error *err)
{
	cleanup_query sqlite3_stmt *row = store_query(api->store, err, SELECT " c.id = ?", "s", id);
	int step = row == NULL ? -1 : query_step(row, err);
	int64_t merge;

	if (step == -1 || merge_now(api->store, id, &merge, err) == -1)
		return -1;
	if (step == 0)
		return error_set(err, ENOENT, "there is no such container");
	*message = (struct container_message){
		.wanted = (uint32_t)query_int(row, 6),
		.id_base = (uint32_t)query_int(row, 7),
		.ipv4 = htonl((uint32_t)query_int(row, 8)),
		.memory_max = (uint64_t)query_int(row, 13),
		.swap_max = (uint64_t)query_int(row, 14),
		.disk_max = (uint64_t)query_int(row, 15),
		.cpu_percent = (uint32_t)query_int(row, 16),
		.cpu_weight = (uint32_t)query_int(row, 17),
		.pids_max = (uint32_t)query_int(row, 18),
		.merge = (uint32_t)merge,
		.read_max = (uint64_t)query_int(row, 32),
		.write_max = (uint64_t)query_int(row, 33),
	};
	snprintf(message->cpus, sizeof message->cpus, "%s", query_text(row, 31));
	snprintf(message->id, sizeof message->id, "%s", query_text(row, 0));
	snprintf(message->project, sizeof message->project, "%s", query_text(row, 1));
	snprintf(message->realm, sizeof message->realm, "%s", query_text(row, 2));
	snprintf(message->name, sizeof message->name, "%s", query_text(row, 3));
	snprintf(message->user, sizeof message->user, "%s", query_text(row, 26));
	snprintf(message->folder, sizeof message->folder, "%s", query_text(row, 27));
	if (sqlite3_column_bytes(row, 9) == 16)
		memcpy(message->ipv6, sqlite3_column_blob(row, 9), 16);

	cleanup_json json_t *command = json_loads(query_text(row, 11), 0, NULL);
	cleanup_json json_t *environment = json_loads(query_text(row, 12), 0, NULL);
	cleanup_json json_t *seccomp = json_loads(query_text(row, 34), 0, NULL);
	cleanup_json json_t *config = NULL;
	if (confinement_fill(seccomp, message, err) == -1 || defaults_layers(api->store, query_text(row, 4), message, err) == -1 ||
	    defaults_load(api->store, query_text(row, 4), &config, err) == -1)
		return -1;
	return defaults_fill(config, command, environment, message, err);
}

int container_route_fill(struct api *api, const char *id, struct route_message *message, struct error *err)
{
	/* Also for tombstones: their route has to go. */
	cleanup_query sqlite3_stmt *row = store_query(
		api->store, err, "SELECT project, ipv4, port FROM containers WHERE id = ? AND project IS NOT NULL", "s", id);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step == -1)
		return -1;
	if (step == 0)
		return error_set(err, ENOENT, "there is no such container");
	*message = (struct route_message){ .ipv4 = htonl((uint32_t)query_int(row, 1)),
					   .port = (uint16_t)query_int(row, 2) };
	snprintf(message->label, sizeof message->label, "%.24s-%.24s", query_text(row, 0), id);
	return 0;
}

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
			    SELECT SCOPE_SQL("p.realm") "AND c.id > ? AND c.project = ifnull(?, c.project)"
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

static int container_insert(struct request *request, const struct spec *spec, const char *image, const char *id,
			    struct error *err)
{
	struct store *store = request->api->store;
	cleanup_free char *command = spec->command == NULL ? strdup("") : json_dumps(spec->command, JSON_COMPACT);
	cleanup_free char *environment = spec->environment == NULL ? strdup("{}") : json_dumps(spec->environment, JSON_COMPACT);
	cleanup_free char *labels = spec->labels == NULL ? strdup("{}") : json_dumps(spec->labels, JSON_COMPACT);
	cleanup_json json_t *whole = confinement_whole(spec->seccomp);
	cleanup_free char *seccomp = whole == NULL ? NULL : json_dumps(whole, JSON_COMPACT);
	struct allocation allocation;

	if (command == NULL || environment == NULL || labels == NULL || seccomp == NULL)
		return error_set(err, ENOMEM, "no memory for a container");
	if (allocate(store, &request->api->cfg.container_pool, id, time_now_ms(), &allocation, err) == -1)
		return -1;
	if (store_do(store, err,
		      "INSERT INTO containers (id, project, name, image, wanted, id_base, ipv4, ipv6, port, command,"
		      " environment, memory_max, swap_max, disk_max, cpu_percent, cpu_weight, pids_max, merge, created, user,"
		      " folder, restart, labels, start_order, cpus, read_max, write_max, seccomp)"
		      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, nullif(?, ''), nullif(?, ''), ?, ?, ?, ?, ?, ?, ?)",
		      "ssssiiibissiiiiiiissisisiis", id, spec->project, spec->name, image, (int64_t)CONTAINER_WANTED_RUNNING,
		      (int64_t)allocation.id_base, (int64_t)allocation.ipv4, allocation.ipv6, sizeof allocation.ipv6,
		      spec->port, command, environment, spec->memory_max, spec->swap_max, spec->disk_max, spec->cpu_percent,
		      spec->cpu_weight, spec->pids_max, time_now_ms(), spec->user, spec->folder,
		      spec->restart, labels, spec->start_order, spec->cpus, spec->read_max, spec->write_max,
		      seccomp) == -1) {
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

bool container_host_goes_down(struct request *request)
{
	if (request->api->stopping == -1)
		return false;
	request_fail(request, 503, "unavailable", NULL, "the host is going down; no container is started any more");
	return true;
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
	if (image_apply(store, image, &spec, &err) == -1 || container_insert(request, &spec, image, id, &err) == -1 || merge_decide(store, id, &err) == -1 ||
	    idempotency_record(request, id, &err) == -1 || store_commit(store, &err) == -1)
		goto fail;
	lifecycle_begin(request->api, id, request, 201, wait);
	return;

fail:
	store_rollback(store);
	request_fail_error(request, &err);
}

int container_wanted_set(struct request *request, enum container_wanted wanted, struct error *err)
{
	return store_run(request->api->store, err,
			 "UPDATE containers SET wanted = ? WHERE id = ? AND deleted IS NULL AND project IN"
			 " (SELECT id FROM projects WHERE" SCOPE_SQL("realm") ")",
			 "is" SCOPE_TYPES, (int64_t)wanted, request->id, SCOPE_VALUES(request));
}

int container_visible(struct request *request, struct error *err)
{
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, err,
			    "SELECT 1 FROM containers c JOIN projects p ON p.id = c.project WHERE c.id = ? AND c.deleted IS NULL"
			    " AND" SCOPE_SQL("p.realm"),
			    "s" SCOPE_TYPES, request->id, SCOPE_VALUES(request));

	return query == NULL ? -1 : query_step(query, err);
}

bool container_want(struct request *request, int64_t *ret_state)
{
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	int set = -1;

	if (store_begin(store, &err) == 0)
		set = container_wanted_set(request, CONTAINER_WANTED_RUNNING, &err);
	if (set == -1 || runtime_state(store, request->id, ret_state, &err) == -1) {
		store_rollback(store);
		request_fail_error(request, &err);
		return false;
	}
	/* The engine would refuse, and nobody would ask again. */
	if (set != 0 && *ret_state != CONTAINER_STATE_STOPPING)
		return true;
	store_rollback(store);
	if (set == 0)
		request_fail_missing(request, "container", NULL);
	else
		request_fail(request, 409, "conflict", NULL, "the container is being stopped; start it when that is done");
	return false;
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
	/* Its snapshots go with it. */
	if (set > 0 && (store_do(store, &err, "UPDATE snapshots SET deleted = ? WHERE container = ? AND deleted IS NULL", "is",
				 time_now_ms(), request->id) == -1 || store_commit(store, &err) == -1))
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

const char *container_state_name(int64_t state, bool wanted)
{
	return state_name(state, wanted);
}
