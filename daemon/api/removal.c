/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/removal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/allocate.h"
#include "daemon/api/api.h"
#include "daemon/api/container.h"
#include "daemon/api/operation.h"
#include "daemon/api/permissions.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/routes.h"
#include "daemon/api/runtime.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"

enum {
	REVOKE_MS = 30000,
	CLEAN_MS = 10 * 60 * 1000,
};

/* Gives up for now. */
static int removal_pause(struct operation *operation, const struct error *err)
{
	log_warning("container %s is deleted but not cleaned up yet: %s", operation->id, err->message);
	runtime_reaping(operation->api->store, operation->id, false);
	if (operation->request != NULL)
		request_fail_host(operation->request, err);
	free(operation);
	return -1;
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
	permissions_forget(operation->api, operation->id);
	if (store_begin(store, &failure) == -1 ||
	    store_number(store, &failure, 0, &ipv4, "SELECT ipv4 FROM containers WHERE id = ?", "s", operation->id) == -1 ||
	    (ipv4 != 0 && allocate_release(store, (uint32_t)ipv4, time_now_ms(), &failure) == -1) ||
	    store_do(store, &failure, "DELETE FROM containers WHERE id = ?", "s", operation->id) == -1 ||
	    store_do(store, &failure, "DELETE FROM temp.runtime WHERE id = ?", "s", operation->id) == -1 ||
	    store_commit(store, &failure) == -1) {
		store_rollback(store);
		removal_pause(operation, &failure);
		return;
	}
	free(operation);
}

static int removal_clean(struct operation *operation)
{
	struct container_id_message message = { 0 };
	struct error err = ERROR_INIT;

	memcpy(message.id, operation->id, sizeof message.id);
	if (peer_ask(operation->api->engine, MESSAGE_CONTAINER_DELETE, &message, sizeof message, -1, CLEAN_MS,
		     removal_cleaned, operation, &err) == -1)
		return removal_pause(operation, &err);
	return 0;
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
	if (store_do(operation->api->store, &failure,
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

static int removal_revoke(struct operation *operation)
{
	struct container_id_message message = { 0 };
	struct error err = ERROR_INIT;

	memcpy(message.id, operation->id, sizeof message.id);
	if (peer_ask(operation->api->engine, MESSAGE_CONTAINER_REVOKE, &message, sizeof message, -1, REVOKE_MS,
		     removal_revoked, operation, &err) == -1)
		return removal_pause(operation, &err);
	return 0;
}

/* The URL is dead without the gate, too: the engine closes the address, and nobody gets it for a while. */
static void route_left(const struct operation *operation, const struct error *err)
{
	log_warning("the route of container %s is not removed yet: %s", operation->id, err->message);
}

static void removal_unrouted(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	if (err != NULL)
		route_left(data, err);
	removal_revoke(data);
}

int removal_begin(struct api *api, const char *id, struct request *request)
{
	struct route_message route;
	struct error err = ERROR_INIT;

	struct operation *operation = operation_new(api, id, request);
	if (operation == NULL)
		return -1;
	runtime_reaping(api->store, id, true);
	if (route_fill(api, id, &route, &err) == 0 &&
	    routes_forget(api, route.label, removal_unrouted, operation, &err) == 0)
		return 0;
	if (err.code != ENOENT) /* revoked before: its route is gone since then */
		route_left(operation, &err);
	return removal_revoke(operation);
}

void removal_resume(struct api *api)
{
	struct error err = ERROR_INIT;
	char id[ID_TEXT] = "";

	for (;;) {
		/* One at a time: what is done for it changes the tables. */
		cleanup_query sqlite3_stmt *query =
			store_query(api->store, &err,
				    "SELECT c.id, c.revoked IS NOT NULL FROM containers c LEFT JOIN temp.runtime r ON r.id = c.id"
				    " WHERE c.deleted IS NOT NULL AND ifnull(r.reaping, 0) = 0 AND c.id > ? ORDER BY c.id LIMIT 1",
				    "s", id);
		int step = query == NULL ? -1 : query_step(query, &err);
		if (step == -1)
			log_error("cannot look for deleted containers: %s", err.message);
		if (step != 1)
			return;
		snprintf(id, sizeof id, "%s", query_text(query, 0));
		bool revoked = query_int(query, 1) != 0;
		if (!revoked) {
			if (removal_begin(api, id, NULL) == -1)
				return;
			continue;
		}
		struct operation *operation = operation_new(api, id, NULL);
		if (operation == NULL)
			return;
		runtime_reaping(api->store, id, true);
		if (removal_clean(operation) == -1)
			return;
	}
}
