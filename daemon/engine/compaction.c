/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/compaction.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/engine/chore.h"
#include "daemon/engine/compact.h"
#include "daemon/engine/container.h"
#include "daemon/engine/content.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/layer.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/protocol.h"

struct outcome {
	struct compact_reply_message reply;
	struct error err;
};

static struct {
	bool running;
	compaction_cb *cb;
	void *data;
} self;

/* An image with a folder of this name would be asked for the data before the store is. */
static bool image_covers(const struct container *c)
{
	char layer[PATH_MAX], path[PATH_MAX + sizeof CONTENT_FOLDER];

	for (uint32_t i = 0; i < c->message.layer_count; i++) {
		layer_path(c->message.layers[i], layer);
		snprintf(path, sizeof path, "%s/" CONTENT_FOLDER, layer);
		if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
			return true;
	}
	return false;
}

static void compact(void *result_of, void *data)
{
	const struct compact_message *message = data;
	struct outcome *outcome = result_of;
	struct compact_result result = { 0 };
	struct compact_request request = {
		.containers = ENGINE_CONTAINERS, .content = ENGINE_CONTENT, .run = ENGINE_RUN,
		.store = message->host != 0 ? CONTENT_HOST : message->realm,
		.dry_run = message->dry_run != 0, .deadline_ms = clock_ms() + COMPACTION_MS,
	};
	char(*ids)[ID_TEXT] = calloc(CONTAINERS_MAX, sizeof *ids);
	uint32_t skipped = 0;

	if (ids == NULL) {
		error_set(&outcome->err, ENOMEM, "no memory to compact a realm");
		return;
	}
	for (const struct container *c = container_first(); c != NULL; c = c->next) {
		if (strcmp(c->message.realm, message->realm) != 0 || c->revoked || c->forget)
			continue;
		if (!container_idle(c) || image_covers(c))
			skipped++;
		else
			memcpy(ids[request.count++], c->message.id, ID_TEXT);
	}
	request.ids = (const char(*)[ID_TEXT])ids;
	if (compact_run(&request, &result, &outcome->err) == 0)
		outcome->reply = (struct compact_reply_message){
			.files = result.files, .bytes = result.bytes, .saved = result.saved,
			.containers = result.containers, .containers_skipped = result.containers_skipped + skipped,
			.files_skipped = result.files_skipped, .complete = result.complete,
		};
	free(ids);
}

static void ended(const void *result_of, int status, void *data)
{
	struct outcome outcome = { .err = ERROR_INIT };

	self.running = false;
	if (result_of != NULL)
		memcpy(&outcome, result_of, sizeof outcome);
	else
		error_set(&outcome.err, EIO, "compacting ended without a result (status %d); no file was harmed, ask again", status);
	free(data);
	self.cb(&outcome.reply, outcome.err.code == 0 ? NULL : &outcome.err, self.data);
}

int compaction_begin(struct loop *loop, const struct compact_message *message, compaction_cb *cb, void *data,
		     struct error *err)
{
	if (self.running)
		return error_set(err, EBUSY, "a realm is being compacted already; ask again when that is done");
	struct compact_message *copy = malloc(sizeof *copy);
	if (copy == NULL)
		return error_set(err, ENOMEM, "no memory to compact a realm");
	*copy = *message;
	if (chore_begin(loop, compact, ended, sizeof(struct outcome), copy, NULL, err) == -1) {
		free(copy);
		return -1;
	}
	self.running = true;
	self.cb = cb;
	self.data = data;
	return 0;
}
