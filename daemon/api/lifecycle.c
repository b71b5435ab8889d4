/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/lifecycle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/container.h"
#include "daemon/api/firewall.h"
#include "daemon/api/operation.h"
#include "daemon/api/peer.h"
#include "daemon/api/removal.h"
#include "daemon/api/request.h"
#include "daemon/api/routes.h"
#include "daemon/api/runtime.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum {
	START_MS = 60000,
	HOST_DOWN_MS = 20000, /* each container's time when the host goes down */
};

/*
 * A start that was asked for before the container was deleted can succeed after
 * its removal, when the engine was restarted in between and was asked again.
 */
static void start_undo_if_deleted(struct api *api, const char *id)
{
	struct error err = ERROR_INIT;
	int64_t stands;

	if (store_number(api->store, &err, 0, &stands, "SELECT 1 FROM containers WHERE id = ? AND deleted IS NULL", "s",
			 id) == -1) {
		log_error("cannot look for container %s: %s", id, err.message);
		return;
	}
	if (stands != 0)
		return;
	log_warning("container %s was deleted while it started; it is removed again", id);
	removal_begin(api, id, NULL);
}

static void start_step(struct operation *operation)
{
	if (--operation->open > 0)
		return;
	if (operation->request != NULL)
		container_answer(operation->request, operation->status, operation->id);
	free(operation);
}

static void start_routed(const struct message *answer, const struct error *err, void *data)
{
	struct operation *operation = data;

	(void)answer;
	if (err != NULL)
		log_warning("the route of container %s is not set yet: %s", operation->id, err->message);
	start_step(operation);
}

static void start_answered(const struct message *answer, const struct error *err, void *data)
{
	struct operation *operation = data;
	struct store *store = operation->api->store;

	(void)answer;
	if (err == NULL) {
		runtime_started(store, operation->id);
		start_undo_if_deleted(operation->api, operation->id);
	} else if (err->code == ETIMEDOUT || err->code == EPIPE) {
		runtime_set(store, operation->id, CONTAINER_STATE_STARTING, err->message);
	} else if (err->code == EBUSY) { /* it ends just now, by itself or by an earlier stop; the event of its end follows */
		runtime_set(store, operation->id, CONTAINER_STATE_STOPPING, err->message);
	} else {
		runtime_failed(store, operation->id, err->message);
		log_warning("container %s does not start: %s", operation->id, err->message);
	}
	start_step(operation);
}

static void rules_answered(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	(void)data;
	if (err != NULL)
		log_error("the rules of a container that starts are not in force, so nothing passes: %s", err->message);
}

void lifecycle_begin(struct api *api, const char *id, struct request *request, unsigned int status, bool wait)
{
	static struct container_message message; /* large */
	struct error err = ERROR_INIT;

	struct operation *operation = operation_new(api, id, request);
	if (operation == NULL)
		return;
	operation->status = status;
	operation->open = 1; /* this function */
	runtime_set(api->store, id, CONTAINER_STATE_STARTING, "");
	if (routes_set(api, id, start_routed, operation, &err) == 0)
		operation->open++;
	else
		log_error("cannot set the route of container %s: %s", id, err.message);
	/* On the same channel, so the engine has them when it starts. */
	if (container_message_fill(api, id, &message, &err) == 0 && firewall_ask(api, id, rules_answered, NULL, &err) == 0 &&
	    peer_ask(api->engine, MESSAGE_CONTAINER_START, &message, sizeof message, -1, START_MS, start_answered, operation,
		     &err) == 0)
		operation->open++;
	else
		runtime_set(api->store, id, CONTAINER_STATE_FAILED, err.message);
	if (!wait) {
		operation->request = NULL;
		container_answer(request, status, id);
	}
	start_step(operation);
}

static void stop_answered(const struct message *answer, const struct error *err, void *data)
{
	struct operation *operation = data;

	(void)answer;
	runtime_stop_end(operation->api->store, operation->id);
	if (err != NULL && err->code != ENOENT && err->code != ESRCH) {
		request_fail_host(operation->request, err);
	} else {
		runtime_set(operation->api->store, operation->id, CONTAINER_STATE_STOPPED, "");
		container_answer(operation->request, 200, operation->id);
	}
	free(operation);
}

static void unrouted(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	(void)data;
	if (err != NULL)
		log_warning("the route of a stopped container is not removed yet: %s", err->message);
}

void lifecycle_end(struct api *api, const char *id, struct request *request, int64_t timeout_ms)
{
	struct container_stop_message message = { .timeout_ms = (uint32_t)timeout_ms };
	struct route_message route;
	struct error err = ERROR_INIT;

	struct operation *operation = operation_new(api, id, request);
	if (operation == NULL)
		return;
	if (route_fill(api, id, &route, &err) == -1 || routes_forget(api, route.label, unrouted, NULL, &err) == -1)
		log_error("cannot remove the route of container %s: %s", id, err.message);
	memcpy(message.id, operation->id, sizeof message.id);
	if (peer_ask(api->engine, MESSAGE_CONTAINER_STOP, &message, sizeof message, -1, timeout_ms + OPERATION_STOP_MARGIN_MS,
		     stop_answered, operation, &err) == -1) {
		free(operation);
		request_fail_host(request, &err);
		return;
	}
	runtime_stop_begin(api->store, id);
}

static void host_down_step(const struct message *answer, const struct error *err, void *data)
{
	struct operation *operation = data;

	(void)answer;
	if (err != NULL)
		log_warning("container %s did not stop: %s", operation->id, err->message);
	if (--operation->api->stopping == 0)
		loop_stop(operation->api->loop, 0);
	free(operation);
}

void lifecycle_stop_all(struct api *api)
{
	struct error err = ERROR_INIT;

	if (api->stopping != -1)
		return; /* asked twice */
	api->stopping = 1; /* this function */
	cleanup_query sqlite3_stmt *rows = store_query(
		api->store, &err, "SELECT id FROM temp.runtime WHERE state IN (1, 2, 3, 5)", "");
	while (rows != NULL && query_step(rows, &err) == 1) {
		struct container_stop_message message = { .timeout_ms = HOST_DOWN_MS };
		struct operation *operation = operation_new(api, query_text(rows, 0), NULL);
		if (operation == NULL)
			break;
		memcpy(message.id, operation->id, sizeof message.id);
		if (peer_ask(api->engine, MESSAGE_CONTAINER_STOP, &message, sizeof message, -1,
			     HOST_DOWN_MS + OPERATION_STOP_MARGIN_MS, host_down_step, operation, &err) == -1) {
			log_warning("container %s cannot be stopped: %s", operation->id, err.message);
			free(operation);
			continue;
		}
		api->stopping++;
	}
	log_info("stopping %d containers", api->stopping - 1);
	if (--api->stopping == 0)
		loop_stop(api->loop, 0);
}
