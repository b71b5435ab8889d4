/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console: what a container wrote to its console, as text. The bytes are the
 * container's: they are handed on as they are, and never looked into.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/container.h"
#include "daemon/api/operation.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/lib/error.h"
#include "daemon/lib/message.h"

enum {
	CONSOLE_MS = 15000,
	CONSOLE_MAX = 128 * 1024, /* two logs of the engine's RUNTIME_CONSOLE_MAX */
};

static void console_answered(const struct message *answer, const struct error *err, void *data)
{
	static char text[CONSOLE_MAX];
	struct operation *operation = data;
	struct error own = ERROR_INIT;
	size_t size = 0;
	ssize_t got = 0;

	if (err != NULL) {
		request_fail_host(operation->request, err);
		free(operation);
		return;
	}
	while (answer->fd != -1 && size < sizeof text && (got = read(answer->fd, text + size, sizeof text - size)) > 0)
		size += (size_t)got;
	if (answer->fd == -1 || got == -1) {
		error_set(&own, EIO, "the console of container %s cannot be read", operation->id);
		request_fail_error(operation->request, &own);
	} else {
		request_answer_text(operation->request, "text/plain; charset=utf-8", text, size);
	}
	free(operation);
}

void containers_console(struct request *request)
{
	struct container_id_message message = { 0 };
	struct error err = ERROR_INIT;

	int found = container_visible(request, &err);
	if (found == -1) {
		request_fail_error(request, &err);
		return;
	}
	if (found == 0) {
		request_fail_missing(request, "container", NULL);
		return;
	}
	struct operation *operation = operation_new(request->api, request->id, request);
	if (operation == NULL)
		return;
	memcpy(message.id, operation->id, sizeof message.id);
	if (peer_ask(request->api->engine, MESSAGE_CONTAINER_CONSOLE, &message, sizeof message, -1, CONSOLE_MS,
		     console_answered, operation, &err) == -1) {
		free(operation);
		request_fail_host(request, &err);
	}
}
