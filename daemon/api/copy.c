/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/copy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"

enum {
	COPY_MS = 1500 * 1000, /* less than the proxy waits for an answer */
	REMOVE_MS = 10 * 60 * 1000,
};

struct copying {
	struct copying *next;
	struct request *request;
	struct copy_message message;
	copy_cb *cb;
};

struct removing {
	struct removing *next;
	struct api *api;
	char id[ID_TEXT];
};

static struct copying *copyings;
static struct removing *removings;

bool copy_busy(const char *id)
{
	for (const struct copying *copying = copyings; copying != NULL; copying = copying->next)
		if (strcmp(copying->message.to, id) == 0)
			return true;
	return false;
}

static void copy_answered(const struct message *answer, const struct error *err, void *data)
{
	struct copying *copying = data;

	struct copying **link = &copyings;
	while (*link != copying)
		link = &(*link)->next;
	*link = copying->next;
	copying->cb(copying->request, &copying->message, err == NULL ? answer->payload : NULL, err);
	free(copying);
}

int copy_begin(struct request *request, const struct copy_message *message, copy_cb *cb, struct error *err)
{
	struct copying *copying = malloc(sizeof *copying);

	if (copying == NULL)
		return error_set(err, ENOBUFS, "no memory for a copy");
	*copying = (struct copying){ .next = copyings, .request = request, .message = *message, .cb = cb };
	if (peer_ask(request->api->engine, MESSAGE_COPY, message, sizeof *message, -1, COPY_MS, copy_answered, copying, err) == -1) {
		free(copying);
		return -1;
	}
	copyings = copying;
	return 0;
}

void copy_fail(struct request *request, const struct error *err)
{
	if (err->code == ENOTSUP)
		request_fail(request, 400, "unsupported", NULL, "%s", err->message);
	else if (err->code == EEXIST || err->code == ECANCELED)
		request_fail(request, 409, "conflict", err->field, "%s", err->message);
	else
		request_fail_host(request, err);
}

static void removed(const struct message *answer, const struct error *err, void *data)
{
	struct removing *removing = data;
	struct error failure = ERROR_INIT;

	(void)answer;
	struct removing **link = &removings;
	while (*link != removing)
		link = &(*link)->next;
	*link = removing->next;
	if (err != NULL && err->code != ENOENT)
		log_warning("snapshot %s is deleted but not cleaned up yet: %s", removing->id, err->message);
	else if (store_do(removing->api->store, &failure, "DELETE FROM snapshots WHERE id = ? AND deleted IS NOT NULL", "s",
			  removing->id) == -1)
		log_error("%s", failure.message);
	free(removing);
}

static bool remove_busy(const char *id)
{
	for (const struct removing *removing = removings; removing != NULL; removing = removing->next)
		if (strcmp(removing->id, id) == 0)
			return true;
	return copy_busy(id);
}

/* False: not now. */
static bool remove_begin(struct api *api, const char *id)
{
	struct container_id_message message = { 0 };
	struct error err = ERROR_INIT;
	struct removing *removing = malloc(sizeof *removing);

	if (removing == NULL)
		return false;
	*removing = (struct removing){ .api = api };
	snprintf(removing->id, sizeof removing->id, "%s", id);
	memcpy(message.id, removing->id, sizeof message.id);
	if (peer_ask(api->engine, MESSAGE_CONTAINER_DELETE, &message, sizeof message, -1, REMOVE_MS, removed, removing, &err) == -1) {
		log_warning("%s", err.message);
		free(removing);
		return false;
	}
	removing->next = removings;
	removings = removing;
	return true;
}

void copy_resume(struct api *api)
{
	struct error err = ERROR_INIT;
	char id[ID_TEXT] = "";

	for (;;) {
		cleanup_query sqlite3_stmt *query = store_query(
			api->store, &err, "SELECT id FROM snapshots WHERE deleted IS NOT NULL AND id > ? ORDER BY id LIMIT 1", "s", id);
		int step = query == NULL ? -1 : query_step(query, &err);
		if (step == -1)
			log_error("cannot look for deleted snapshots: %s", err.message);
		if (step != 1)
			return;
		snprintf(id, sizeof id, "%s", query_text(query, 0));
		if (!remove_busy(id) && !remove_begin(api, id))
			return;
	}
}
