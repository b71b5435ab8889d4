/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/lifecycle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/allocate.h"
#include "daemon/api/api.h"
#include "daemon/api/containers.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum {
	ROUTE_MS = 5000,
	START_MS = 60000,
	STOP_MARGIN_MS = 15000,   /* what the engine may take beyond the container's own time */
	REVOKE_MS = 30000,
	CLEAN_MS = 10 * 60 * 1000,
	HOST_DOWN_MS = 20000,     /* each container's time when the host goes down */
};

/* One operation that is under way; request may be NULL. */
struct operation {
	struct api *api;
	struct request *request;
	char id[ID_TEXT];
	unsigned int status; /* of the answer */
	int open;            /* answers still to come */
};

static struct operation *operation_new(struct api *api, const char *id, struct request *request)
{
	struct operation *operation = calloc(1, sizeof *operation);

	if (operation == NULL) {
		log_error("no memory for an operation on container %s", id);
		if (request != NULL)
			request_fail(request, 503, "unavailable", NULL, "no memory; what you asked for is noted, try again");
		return NULL;
	}
	*operation = (struct operation){ .api = api, .request = request };
	snprintf(operation->id, sizeof operation->id, "%s", id);
	return operation;
}

static void runtime_set(struct api *api, const char *id, enum container_state state, const char *message)
{
	struct error err = ERROR_INIT;

	/* A container that runs already is not starting again. */
	if (store_run(api->store, &err,
		      "INSERT INTO temp.runtime (id, state, message) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
		      " SET state = excluded.state, message = excluded.message WHERE NOT (state = 2 AND excluded.state = 1)",
		      "sis", id, (int64_t)state, message) == -1)
		log_error("cannot note the state of container %s: %s", id, err.message);
}

void lifecycle_state(struct api *api, const struct container_state_message *state)
{
	struct error err = ERROR_INIT;

	if (!id_valid(state->id) || state->state > CONTAINER_STATE_FAILED) {
		log_error("the engine reported a state that makes no sense; it is ignored");
		return;
	}
	if (state->state == CONTAINER_STATE_FAILED)
		log_warning("container %s: %s", state->id, state->message);
	if (store_run(api->store, &err,
		      "INSERT INTO temp.runtime (id, state, message, start_ms, exit_status) VALUES (?, ?, ?, ?, ?)"
		      " ON CONFLICT (id) DO UPDATE SET state = excluded.state, message = excluded.message,"
		      " start_ms = max(excluded.start_ms, CASE excluded.state WHEN 2 THEN start_ms ELSE 0 END),"
		      " exit_status = excluded.exit_status",
		      "sisii", state->id, (int64_t)state->state, state->message, (int64_t)state->start_ms,
		      (int64_t)state->exit_status) == -1)
		log_error("cannot note the state of container %s: %s", state->id, err.message);
}

/* Start. */

static void removal_unrouted(const struct message *answer, const struct error *err, void *data);

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
	struct operation *operation = operation_new(api, id, NULL);
	if (operation != NULL)
		removal_unrouted(NULL, NULL, operation);
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

	(void)answer;
	if (err == NULL) {
		/* Its event came before this answer, or comes soon with more to tell. */
		struct error ignored = ERROR_INIT;
		if (store_run(operation->api->store, &ignored,
			      "UPDATE temp.runtime SET state = 2, message = '' WHERE id = ? AND state = 1", "s",
			      operation->id) == -1)
			log_error("%s", ignored.message);
		start_undo_if_deleted(operation->api, operation->id);
	} else if (err->code == ETIMEDOUT || err->code == EPIPE) {
		runtime_set(operation->api, operation->id, CONTAINER_STATE_STARTING, err->message);
	} else {
		runtime_set(operation->api, operation->id, CONTAINER_STATE_FAILED, err->message);
		log_warning("container %s does not start: %s", operation->id, err->message);
	}
	start_step(operation);
}

void lifecycle_begin(struct api *api, const char *id, struct request *request, unsigned int status, bool wait)
{
	static struct container_message message; /* large */
	struct route_message route;
	struct error err = ERROR_INIT;

	struct operation *operation = operation_new(api, id, request);
	if (operation == NULL)
		return;
	operation->status = status;
	operation->open = 1; /* this function */
	runtime_set(api, id, CONTAINER_STATE_STARTING, "");
	if (container_route_fill(api, id, &route, &err) == 0 &&
	    peer_ask(api->gate, MESSAGE_ROUTE_SET, &route, sizeof route, -1, ROUTE_MS, start_routed, operation, &err) == 0)
		operation->open++;
	else
		log_error("cannot set the route of container %s: %s", id, err.message);
	if (container_message_fill(api, id, &message, &err) == 0 &&
	    peer_ask(api->engine, MESSAGE_CONTAINER_START, &message, sizeof message, -1, START_MS, start_answered, operation,
		     &err) == 0)
		operation->open++;
	else
		runtime_set(api, id, CONTAINER_STATE_FAILED, err.message);
	if (!wait && request != NULL) {
		operation->request = NULL;
		container_answer(request, status, id);
	}
	start_step(operation);
}

/* Stop. */

static void stop_answered(const struct message *answer, const struct error *err, void *data)
{
	struct operation *operation = data;

	(void)answer;
	if (err != NULL && err->code != ENOENT && err->code != ESRCH) {
		request_fail_error(operation->request, err);
	} else {
		runtime_set(operation->api, operation->id, CONTAINER_STATE_STOPPED, "");
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
	if (container_route_fill(api, id, &route, &err) == -1 ||
	    peer_ask(api->gate, MESSAGE_ROUTE_DELETE, &route, sizeof route, -1, ROUTE_MS, unrouted, NULL, &err) == -1)
		log_error("cannot remove the route of container %s: %s", id, err.message);
	snprintf(message.id, sizeof message.id, "%s", id);
	if (peer_ask(api->engine, MESSAGE_CONTAINER_STOP, &message, sizeof message, -1, timeout_ms + STOP_MARGIN_MS,
		     stop_answered, operation, &err) == -1) {
		free(operation);
		request_fail_error(request, &err);
	}
}

/* Removal. */

static void reaping_set(struct api *api, const char *id, bool reaping)
{
	struct error err = ERROR_INIT;

	if (store_run(api->store, &err,
		      "INSERT INTO temp.runtime (id, reaping) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET reaping ="
		      " excluded.reaping",
		      "si", id, (int64_t)reaping) == -1)
		log_error("%s", err.message);
}

/* Gives up for now; lifecycle_resume() comes back to it. */
static void removal_pause(struct operation *operation, const struct error *err)
{
	log_warning("container %s is deleted but not cleaned up yet: %s", operation->id, err->message);
	reaping_set(operation->api, operation->id, false);
	if (operation->request != NULL)
		request_fail_error(operation->request, err);
	free(operation);
}

static void removal_cleaned(const struct message *answer, const struct error *err, void *data)
{
	struct operation *operation = data;
	struct store *store = operation->api->store;
	struct error failure = ERROR_INIT;
	int64_t ipv4;

	(void)answer;
	if (err != NULL && err->code != ENOENT) {
		removal_pause(operation, err);
		return;
	}
	if (store_begin(store, &failure) == -1 ||
	    store_number(store, &failure, 0, &ipv4, "SELECT ipv4 FROM containers WHERE id = ?", "s", operation->id) == -1 ||
	    (ipv4 != 0 && allocate_release(store, (uint32_t)ipv4, time_now_ms(), &failure) == -1) ||
	    store_run(store, &failure, "DELETE FROM containers WHERE id = ?", "s", operation->id) == -1 ||
	    store_run(store, &failure, "DELETE FROM temp.runtime WHERE id = ?", "s", operation->id) == -1 ||
	    store_commit(store, &failure) == -1) {
		store_rollback(store);
		removal_pause(operation, &failure);
		return;
	}
	free(operation);
}

static void removal_clean(struct operation *operation)
{
	struct container_id_message message = { 0 };
	struct error err = ERROR_INIT;

	memcpy(message.id, operation->id, sizeof message.id);
	if (peer_ask(operation->api->engine, MESSAGE_CONTAINER_DELETE, &message, sizeof message, -1, CLEAN_MS,
		     removal_cleaned, operation, &err) == -1)
		removal_pause(operation, &err);
}

static void removal_revoked(const struct message *answer, const struct error *err, void *data)
{
	struct operation *operation = data;
	struct error failure = ERROR_INIT;

	(void)answer;
	if (err != NULL && err->code != ENOENT) {
		removal_pause(operation, err);
		return;
	}
	if (store_run(operation->api->store, &failure,
		      "UPDATE containers SET revoked = ?, project = NULL, image = NULL WHERE id = ?", "is", time_now_ms(),
		      operation->id) == -1) {
		removal_pause(operation, &failure);
		return;
	}
	if (operation->request != NULL)
		request_answer(operation->request, 204, NULL);
	operation->request = NULL;
	removal_clean(operation);
}

static void removal_unrouted(const struct message *answer, const struct error *err, void *data)
{
	struct operation *operation = data;
	struct container_id_message message = { 0 };
	struct error failure = ERROR_INIT;

	(void)answer;
	/* The gate has forgotten the route and HAProxy will; until then it leads to a dead address that nobody gets. */
	if (err != NULL)
		log_warning("the route of container %s is not removed yet: %s", operation->id, err->message);
	memcpy(message.id, operation->id, sizeof message.id);
	if (peer_ask(operation->api->engine, MESSAGE_CONTAINER_REVOKE, &message, sizeof message, -1, REVOKE_MS,
		     removal_revoked, operation, &failure) == -1)
		removal_pause(operation, &failure);
}

void lifecycle_remove(struct api *api, const char *id, struct request *request)
{
	struct route_message route;
	struct error err = ERROR_INIT;

	struct operation *operation = operation_new(api, id, request);
	if (operation == NULL)
		return;
	reaping_set(api, id, true);
	if (container_route_fill(api, id, &route, &err) == -1 ||
	    peer_ask(api->gate, MESSAGE_ROUTE_DELETE, &route, sizeof route, -1, ROUTE_MS, removal_unrouted, operation,
		     &err) == -1)
		removal_unrouted(NULL, &err, operation);
}

void lifecycle_resume(struct api *api)
{
	struct error err = ERROR_INIT;
	char id[ID_TEXT];

	for (;;) {
		/* One at a time: what is done for it changes the tables. */
		cleanup_query sqlite3_stmt *query =
			store_query(api->store, &err,
				    "SELECT c.id, c.revoked IS NOT NULL FROM containers c LEFT JOIN temp.runtime r ON r.id = c.id"
				    " WHERE c.deleted IS NOT NULL AND ifnull(r.reaping, 0) = 0 LIMIT 1", "");
		int step = query == NULL ? -1 : query_step(query, &err);
		if (step == -1)
			log_error("cannot look for deleted containers: %s", err.message);
		if (step != 1)
			return;
		snprintf(id, sizeof id, "%s", query_text(query, 0));
		bool revoked = query_int(query, 1) != 0;
		if (!revoked) {
			lifecycle_remove(api, id, NULL);
			continue;
		}
		struct operation *operation = operation_new(api, id, NULL);
		if (operation == NULL)
			return;
		reaping_set(api, id, true);
		removal_clean(operation);
	}
}

/* The whole truth. */

void lifecycle_sync_engine(struct api *api)
{
	static struct container_message message; /* large */
	struct image_message image;
	struct error err = ERROR_INIT;
	int result = 0, step;

	cleanup_query sqlite3_stmt *images = store_query(api->store, &err, "SELECT DISTINCT digest FROM images", "");
	while (images != NULL && result == 0 && (step = query_step(images, &err)) != 0) {
		image = (struct image_message){ 0 };
		snprintf(image.digest, sizeof image.digest, "%s", query_text(images, 0));
		result = step == -1 ? -1 : peer_tell(api->engine, MESSAGE_IMAGE_SYNC, &image, sizeof image, &err);
	}
	cleanup_query sqlite3_stmt *rows =
		store_query(api->store, &err, "SELECT id FROM containers WHERE deleted IS NULL ORDER BY created", "");
	while (rows != NULL && result == 0 && (step = query_step(rows, &err)) != 0) {
		result = step == -1 ? -1 : container_message_fill(api, query_text(rows, 0), &message, &err);
		if (result == 0)
			result = peer_tell(api->engine, MESSAGE_CONTAINER_SYNC, &message, sizeof message, &err);
	}
	/* Half a list would make the engine remove the other half: then no end is sent, and it waits. */
	image = (struct image_message){ 0 };
	message = (struct container_message){ 0 };
	if (images == NULL || rows == NULL || result == -1 ||
	    peer_tell(api->engine, MESSAGE_IMAGE_SYNC, &image, sizeof image, &err) == -1 ||
	    peer_tell(api->engine, MESSAGE_CONTAINER_SYNC, &message, sizeof message, &err) == -1)
		log_error("cannot tell the engine what should be: %s", err.message);
}

void lifecycle_sync_gate(struct api *api)
{
	struct route_message route;
	struct error err = ERROR_INIT;
	int result = 0, step;

	cleanup_query sqlite3_stmt *rows =
		store_query(api->store, &err, "SELECT id FROM containers WHERE deleted IS NULL AND wanted = 1", "");
	while (rows != NULL && result == 0 && (step = query_step(rows, &err)) != 0) {
		result = step == -1 ? -1 : container_route_fill(api, query_text(rows, 0), &route, &err);
		if (result == 0)
			result = peer_tell(api->gate, MESSAGE_ROUTE_SYNC, &route, sizeof route, &err);
	}
	route = (struct route_message){ 0 };
	if (rows == NULL || result == -1 ||
	    peer_tell(api->gate, MESSAGE_ROUTE_SYNC, &route, sizeof route, &err) == -1)
		log_error("cannot tell the gate all routes: %s", err.message);
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

	api->stopping = 1; /* this function */
	cleanup_query sqlite3_stmt *rows = store_query(
		api->store, &err, "SELECT id FROM temp.runtime WHERE state IN (1, 2, 3)", "");
	while (rows != NULL && query_step(rows, &err) == 1) {
		struct container_stop_message message = { .timeout_ms = HOST_DOWN_MS };
		struct operation *operation = operation_new(api, query_text(rows, 0), NULL);
		if (operation == NULL)
			break;
		memcpy(message.id, operation->id, sizeof message.id);
		if (peer_ask(api->engine, MESSAGE_CONTAINER_STOP, &message, sizeof message, -1,
			     HOST_DOWN_MS + STOP_MARGIN_MS, host_down_step, operation, &err) == -1) {
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
