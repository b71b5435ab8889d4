/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/usage.h"

#include <stdio.h>

#include "daemon/api/api.h"
#include "daemon/api/container.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/lib/error.h"

enum { USAGE_MS = 10000 };

int usage_ask(struct api *api, const char *id, peer_answer_cb *cb, void *data, struct error *err)
{
	struct container_id_message message = { 0 };

	snprintf(message.id, sizeof message.id, "%.24s", id);
	return peer_ask(api->engine, MESSAGE_USAGE, &message, sizeof message, -1, USAGE_MS, cb, data, err);
}

static json_t *stall_json(const struct usage_stall *stall)
{
	return json_pack("{s:f, s:f, s:f, s:I}", "avg10", stall->average[0] / 100.0, "avg60", stall->average[1] / 100.0, "avg300",
			 stall->average[2] / 100.0, "total_us", (json_int_t)stall->total_us);
}

static json_t *pressure_json(const struct usage_message *usage, enum usage_kind kind)
{
	return json_pack("{s:o, s:o}", "some", stall_json(&usage->some[kind]), "full", stall_json(&usage->full[kind]));
}

static void usage_answered(const struct message *answer, const struct error *err, void *data)
{
	struct request *request = data;

	if (err != NULL) {
		request_fail_host(request, err);
		return;
	}
	const struct usage_message *usage = answer->payload;
	json_t *body = json_pack("{s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:I, s:I}, s:I, s:{s:I, s:I}}", "cpu", "total_us",
				 (json_int_t)usage->cpu_us, "user_us", (json_int_t)usage->cpu_user_us, "system_us",
				 (json_int_t)usage->cpu_system_us, "throttled_us", (json_int_t)usage->cpu_throttled_us, "memory",
				 "bytes", (json_int_t)usage->memory, "bytes_peak", (json_int_t)usage->memory_peak, "swap",
				 (json_int_t)usage->swap, "oom_kills", (json_int_t)usage->oom_kills, "pids", (json_int_t)usage->pids,
				 "disk", "bytes", (json_int_t)usage->disk_bytes, "files", (json_int_t)usage->disk_files);
	json_object_set_new(body, "io", json_pack("{s:I, s:I, s:I, s:I}", "bytes_read", (json_int_t)usage->read_bytes,
						  "bytes_written", (json_int_t)usage->written_bytes, "reads",
						  (json_int_t)usage->reads, "writes", (json_int_t)usage->writes));
	json_object_set_new(body, "pressure", json_pack("{s:o, s:o, s:o}", "cpu", pressure_json(usage, USAGE_CPU), "memory",
							pressure_json(usage, USAGE_MEMORY), "io", pressure_json(usage, USAGE_IO)));
	request_answer(request, 200, body);
}

void containers_usage(struct request *request)
{
	struct error err = ERROR_INIT;
	int found = container_visible(request, &err);

	if (found == -1)
		request_fail_error(request, &err);
	else if (found == 0)
		request_fail_missing(request, "container", NULL);
	else if (usage_ask(request->api, request->id, usage_answered, request, &err) == -1)
		request_fail_host(request, &err);
}
