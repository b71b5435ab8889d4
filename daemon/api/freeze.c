/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * freeze: holds the processes of a container and lets them go on. Nothing of it
 * is in the store: the kernel knows, the engine reads it there, and a container
 * that is started anew is not frozen.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/container.h"
#include "daemon/api/operation.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/api/runtime.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"

enum { FREEZE_MS = 15000 };

static void frozen(const struct message *answer, const struct error *err, void *data)
{
	struct operation *operation = data;

	(void)answer;
	if (err != NULL)
		request_fail_host(operation->request, err);
	else /* the engine told the state before */
		container_answer(operation->request, 200, operation->id);
	free(operation);
}

static void freeze_set(struct request *request, bool freeze)
{
	struct container_freeze_message message = { .frozen = freeze };
	struct error err = ERROR_INIT;
	int64_t state;

	int found = container_visible(request, &err);
	if (found == -1 || (found == 1 && runtime_state(request->api->store, request->id, &state, &err) == -1)) {
		request_fail_error(request, &err);
		return;
	}
	if (found == 0) {
		request_fail_missing(request, "container", NULL);
		return;
	}
	if (state != CONTAINER_STATE_RUNNING && state != CONTAINER_STATE_FROZEN) {
		request_fail(request, 409, "conflict", NULL, "the container does not run");
		return;
	}
	struct operation *operation = operation_new(request->api, request->id, request);
	if (operation == NULL)
		return;
	memcpy(message.id, operation->id, sizeof message.id);
	if (peer_ask(request->api->engine, MESSAGE_CONTAINER_FREEZE, &message, sizeof message, -1, FREEZE_MS, frozen,
		     operation, &err) == -1) {
		free(operation);
		request_fail_host(request, &err);
	}
}

void containers_freeze(struct request *request)
{
	freeze_set(request, true);
}

void containers_unfreeze(struct request *request)
{
	freeze_set(request, false);
}
