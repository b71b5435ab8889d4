/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * export: a stopped container, or a snapshot of one, as an OCI image in a tar: its command, user, folder, variables and
 * port as any tool understands them, its limits, labels and the like in an annotation. An image made of it hands them
 * to the containers made of that (containers.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/container.h"
#include "daemon/api/copy.h"
#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/api/runtime.h"
#include "daemon/api/spec.h"
#include "daemon/api/store.h"
#include "daemon/api/upload.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

enum { EXPORT_MS = 1500 * 1000 }; /* less than the proxy waits for an answer */

/* OCI image specification 1.1, config.md, but for rootfs. */
static json_t *config_json(const struct container_message *message, int64_t port)
{
	char exposed[16], signal[16];
	json_t *run = json_pack("{s:o}", "Env", json_words(message->environment, message->environment_size));

	if (message->command_size != 0)
		json_object_set_new(run, "Cmd", json_words(message->command, message->command_size));
	if (message->user[0] != '\0')
		json_object_set_new(run, "User", json_string(message->user));
	if (message->folder[0] != '\0')
		json_object_set_new(run, "WorkingDir", json_string(message->folder));
	if (message->stop_signal != 0) {
		snprintf(signal, sizeof signal, "%u", message->stop_signal);
		json_object_set_new(run, "StopSignal", json_string(signal));
	}
	snprintf(exposed, sizeof exposed, "%d/tcp", (int)port);
	json_object_set_new(run, "ExposedPorts", json_pack("{s:{}}", exposed));
	return json_pack("{s:s, s:s, s:o}", "architecture", "amd64", "os", "linux", "config", run);
}

static void limit_set(json_t *limits, const char *name, int64_t value, int64_t none)
{
	if (value != none)
		json_object_set_new(limits, name, json_integer(value));
}

/* As POST /containers takes them. */
static json_t *settings_json(sqlite3_stmt *row)
{
	json_t *limits = json_object();

	limit_set(limits, "memory_max", query_int(row, 3), 0);
	limit_set(limits, "memory_high", query_int(row, 17), 0);
	limit_set(limits, "swap_max", query_int(row, 4), SPEC_NO_LIMIT);
	limit_set(limits, "disk_max", query_int(row, 5), 0);
	limit_set(limits, "cpu_percent", query_int(row, 6), 0);
	limit_set(limits, "cpu_weight", query_int(row, 7), 0);
	limit_set(limits, "pids_max", query_int(row, 8), 0);
	limit_set(limits, "io_read_max", query_int(row, 9), 0);
	limit_set(limits, "io_write_max", query_int(row, 10), 0);
	return json_pack("{s:o, s:s, s:o, s:I, s:o, s:I, s:o}", "limits", limits, "restart", spec_restart_name(query_int(row, 11)), "labels",
			 json_loads(query_text(row, 12), 0, NULL), "start_order", (json_int_t)query_int(row, 13), "seccomp",
			 json_loads(query_text(row, 14), 0, NULL), "port", (json_int_t)query_int(row, 2), "services",
			 json_loads(query_text(row, 16), 0, NULL));
}

/* Takes the reference. */
static int text_put(json_t *json, char *text, size_t room, struct error *err)
{
	cleanup_free char *dumped = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

	json_decref(json);
	if (dumped == NULL)
		return error_set(err, ENOBUFS, "no memory for an export");
	if (strlen(dumped) >= room)
		return error_set(err, ENOTSUP, "the container's settings are too long for an export: %zu bytes of %zu", strlen(dumped), room);
	strcpy(text, dumped);
	return 0;
}

static void exported(const struct message *answer, const struct error *err, void *data)
{
	struct request *request = data;
	struct error own = ERROR_INIT;

	int fd = err == NULL ? upload_copy(request->upload, &own) : -1;
	if (fd == -1) {
		copy_fail(request, err == NULL ? &own : err);
		return;
	}
	request_answer_file(request, "application/x-tar", fd, ((const struct export_reply_message *)answer->payload)->bytes);
}

/* row: container, state, port, limits and the rest as above, realm; what: whose files, a container's or a snapshot's. */
static void export_begin(struct request *request, sqlite3_stmt *row, const char *what)
{
	static struct container_message message; /* large */
	static struct export_message export;
	struct error err = ERROR_INIT;

	if (container_message_fill(request->api, query_text(row, 0), &message, &err) == -1)
		goto fail;
	export = (struct export_message){ .layer_count = message.layer_count, .id_base = message.id_base };
	memcpy(export.layers, message.layers, sizeof export.layers);
	snprintf(export.id, sizeof export.id, "%.24s", what);
	if (text_put(config_json(&message, query_int(row, 2)), export.config, sizeof export.config, &err) == -1 ||
	    text_put(settings_json(row), export.settings, sizeof export.settings, &err) == -1)
		goto fail;
	snprintf(request->realm, sizeof request->realm, "%s", query_text(row, 15));
	request->upload = upload_open(request, 0);
	if (request->upload == NULL)
		return;
	export.bytes_max = upload_room(request->upload);
	if (peer_ask(request->api->engine, MESSAGE_EXPORT, &export, sizeof export, upload_file(request->upload), EXPORT_MS, exported,
		     request, &err) == 0)
		return;

fail:
	copy_fail(request, &err);
}

#define SELECT(state) \
	"SELECT c.id, " state ", c.port, c.memory_max, c.swap_max, c.disk_max, c.cpu_percent, c.cpu_weight, c.pids_max, c.read_max," \
	" c.write_max, c.restart, c.labels, c.start_order, c.seccomp, p.realm, c.services, c.memory_high FROM containers c JOIN projects p ON p.id = c.project"

void containers_export(struct request *request)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *row =
		store_query(request->api->store, &err,
			    SELECT("ifnull(r.state, -1)") " LEFT JOIN temp.runtime r ON r.id = c.id WHERE c.deleted IS NULL AND c.id = ? AND"
			    SCOPE_SQL("p.realm"), "s" SCOPE_TYPES, request->id, SCOPE_VALUES(request));
	int step = row == NULL ? -1 : query_step(row, &err);

	if (step == -1) {
		request_fail_error(request, &err);
	} else if (step == 0) {
		request_fail_missing(request, "container", NULL);
	} else {
		int64_t state = query_int(row, 1);
		if (state == CONTAINER_STATE_STOPPED || state == CONTAINER_STATE_FAILED || state == -1)
			export_begin(request, row, query_text(row, 0));
		else
			request_fail(request, 409, "conflict", NULL, "the container is %s; stop it, or export a snapshot of it",
				     container_state_name(state, true));
	}
}

void snapshots_export(struct request *request)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *row =
		store_query(request->api->store, &err,
			    SELECT("0") " JOIN snapshots s ON s.container = c.id WHERE c.deleted IS NULL AND s.deleted IS NULL AND s.id = ? AND"
			    SCOPE_SQL("p.realm"), "s" SCOPE_TYPES, request->id, SCOPE_VALUES(request));
	int step = row == NULL ? -1 : query_step(row, &err);

	if (step == -1)
		request_fail_error(request, &err);
	else if (step == 0)
		request_fail_missing(request, "snapshot", NULL);
	else
		export_begin(request, row, request->id);
}
