/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restart: stop, then start, as one call. The row says wanted throughout, so that
 * a role that dies in between only delays the start: sync.h brings it about.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/container.h"
#include "daemon/api/lifecycle.h"
#include "daemon/api/merge.h"
#include "daemon/api/operation.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/api/runtime.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"

enum { RESTART_SECONDS_DEFAULT = 10, RESTART_SECONDS_MAX = 300 };

/* 1 if it is to be started: nobody stopped or deleted it while it ended. -1 with err. */
static int start_decide(struct store *store, const char *id, struct error *err)
{
	int64_t wanted;

	if (store_begin(store, err) == -1)
		return -1;
	if (store_number(store, err, 0, &wanted, "SELECT wanted FROM containers WHERE id = ? AND deleted IS NULL", "s",
			 id) == -1 ||
	    (wanted == CONTAINER_WANTED_RUNNING && merge_decide(store, id, err) == -1) || store_commit(store, err) == -1) {
		store_rollback(store);
		return -1;
	}
	return wanted == CONTAINER_WANTED_RUNNING;
}

static void restart_stopped(const struct message *answer, const struct error *err, void *data)
{
	struct operation *operation = data;
	struct api *api = operation->api;
	struct error own = ERROR_INIT;

	(void)answer;
	runtime_stop_end(api->store, operation->id);
	if (err != NULL && err->code != ENOENT && err->code != ESRCH) {
		request_fail_host(operation->request, err);
		free(operation);
		return;
	}
	runtime_set(api->store, operation->id, CONTAINER_STATE_STOPPED, "");
	int start = api->stopping != -1 ? 0 : start_decide(api->store, operation->id, &own);
	if (start == -1)
		request_fail_error(operation->request, &own);
	else if (start == 0)
		container_answer(operation->request, 200, operation->id);
	else
		lifecycle_begin(api, operation->id, operation->request, 200, true);
	free(operation);
}

void containers_restart(struct request *request)
{
	struct container_stop_message message = { 0 };
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	struct operation *operation;
	int64_t seconds, state;

	if (request_query_number(request, "timeout", RESTART_SECONDS_DEFAULT, 0, RESTART_SECONDS_MAX, &seconds) == -1 ||
	    container_host_goes_down(request) || !container_want(request, &state))
		return;
	if (store_commit(store, &err) == -1) {
		request_fail_error(request, &err);
		return;
	}
	operation = operation_new(request->api, request->id, request);
	if (operation == NULL)
		return;
	memcpy(message.id, operation->id, sizeof message.id);
	message.timeout_ms = (uint32_t)(seconds * 1000);
	if (peer_ask(request->api->engine, MESSAGE_CONTAINER_STOP, &message, sizeof message, -1,
		     seconds * 1000 + OPERATION_STOP_MARGIN_MS, restart_stopped, operation, &err) == -1) {
		free(operation);
		request_fail_host(request, &err);
		return;
	}
	runtime_stop_begin(store, request->id);
}
