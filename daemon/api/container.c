/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container: one container's row: as JSON, as the frame for the engine, and what is wanted of it.
 */
#include "daemon/api/container.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/confinement.h"
#include "daemon/api/defaults.h"
#include "daemon/api/merge.h"
#include "daemon/api/page.h"
#include "daemon/api/resources.h"
#include "daemon/api/runtime.h"
#include "daemon/api/spec.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

const char *container_state_name(int64_t state, bool wanted)
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
	json_object_set_new(limits, "memory_high", query_int(row, 36) == 0 ? json_null() : json_integer(query_int(row, 36)));
	json_object_set_new(limits, "cpus", json_text_or_null(query_text(row, 31)));
	json_object_set_new(limits, "io_read_max", query_int(row, 32) == 0 ? json_null() : json_integer(query_int(row, 32)));
	json_object_set_new(limits, "io_write_max", query_int(row, 33) == 0 ? json_null() : json_integer(query_int(row, 33)));
	return limits;
}

/* As the client gave them, each with its URL. */
static json_t *services_shown(struct request *request, sqlite3_stmt *row)
{
	json_t *list = json_loads(query_text(row, 35), 0, NULL), *service;
	char url[384], port[8];
	size_t i;

	json_array_foreach(list, i, service) {
		const char *name = json_string_value(json_object_get(service, "name"));
		snprintf(port, sizeof port, "%d", (int)json_integer_value(json_object_get(service, "port")));
		snprintf(url, sizeof url, "https://%s-%s-%s.%s/", query_text(row, 1), query_text(row, 0), name == NULL ? port : name,
			 request->api->cfg.domain);
		json_object_set_new(service, "url", json_string(url));
		if (name == NULL)
			json_object_set_new(service, "name", json_null());
	}
	return list;
}

json_t *container_json(struct request *request, sqlite3_stmt *row)
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
	json_object_set_new(body, "state", json_string(container_state_name(state, wanted)));
	json_object_set_new(body, "wanted", json_string(wanted ? "running" : "stopped"));
	json_object_set_new(body, "message", json_text_or_null(query_text(row, 22)));
	json_object_set_new(body, "exit_status",
			    state == CONTAINER_STATE_STOPPED ? json_integer(query_int(row, 24)) : json_null());
	json_object_set_new(body, "start_ms",
			    state == CONTAINER_STATE_RUNNING || state == CONTAINER_STATE_FROZEN ? json_integer(query_int(row, 23)) : json_null());
	json_object_set_new(body, "url", json_string(url));
	json_object_set_new(body, "ipv4", json_string(ipv4));
	json_object_set_new(body, "ipv6", json_string(ipv6));
	json_object_set_new(body, "port", json_integer(query_int(row, 10)));
	json_object_set_new(body, "services", services_shown(request, row));
	json_object_set_new(body, "command",
			    *query_text(row, 11) == '\0' ? json_null() : json_loads(query_text(row, 11), 0, NULL));
	json_object_set_new(body, "environment", json_loads(query_text(row, 12), 0, NULL));
	json_object_set_new(body, "user", json_text_or_null(query_text(row, 26)));
	json_object_set_new(body, "cwd", json_text_or_null(query_text(row, 27)));
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
	cleanup_query sqlite3_stmt *query = store_query(request->api->store, &err, CONTAINER_SELECT " c.id = ? AND" SCOPE_SQL("p.realm"),
							"s" SCOPE_TYPES, id, SCOPE_VALUES(request));

	row_answer(request, status, "container", query, &err, container_json);
}

int container_message_fill(struct api *api, const char *id, struct container_message *message, struct error *err)
{
	cleanup_query sqlite3_stmt *row = store_query(api->store, err, CONTAINER_SELECT " c.id = ?", "s", id);
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
		.memory_high = (uint64_t)query_int(row, 36),
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

bool container_host_goes_down(struct request *request)
{
	if (request->api->stopping == -1)
		return false;
	request_fail(request, 503, "unavailable", NULL, "the host is going down; no container is started any more");
	return true;
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
