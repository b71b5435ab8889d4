/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/permissions.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/api/api.h"
#include "daemon/api/peer.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/protocol.h"

enum { GATE_MS = 5000 };

json_t *permissions_load(struct store *store, const char *id, int64_t *ret_version, struct error *err)
{
	cleanup_query sqlite3_stmt *row = store_query(store, err, "SELECT version, document FROM permissions WHERE id = ?", "s", id);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step == -1)
		return NULL;
	*ret_version = step == 1 ? query_int(row, 0) : 0;
	json_t *document = step == 1 ? json_loads(query_text(row, 1), 0, NULL)
				     : json_pack("{s:{}, s:{}, s:n, s:b}", "groups", "permissions", "default", "enable_proxy", 1);
	if (document == NULL)
		error_set(err, EIO, "the permissions of %s cannot be read", id);
	return document;
}

int permissions_fill(struct store *store, const char *id, struct permissions_message *message, int *ret_fd, struct error *err)
{
	int64_t version;
	cleanup_json json_t *document = permissions_load(store, id, &version, err);

	if (document == NULL)
		return -1;
	*message = (struct permissions_message){ .count = 0 };
	snprintf(message->id, sizeof message->id, "%.24s", id);
	*ret_fd = json_memory("permissions", document, err);
	return *ret_fd == -1 ? -1 : 0;
}

static void told(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	(void)err; /* a gate that was away hears all of them anew */
	(void)data;
}

int permissions_push(struct api *api, const char *id, struct error *err)
{
	struct permissions_message message;
	cleanup_fd int fd = -1;
	int64_t has;

	if (store_number(api->store, err, 0, &has, "SELECT 1 FROM permissions WHERE id = ?", "s", id) == -1)
		return -1;
	if (has == 0)
		return 0;
	if (permissions_fill(api->store, id, &message, &fd, err) == -1)
		return -1;
	return peer_ask(api->gate, MESSAGE_PERMISSIONS, &message, sizeof message, fd, GATE_MS, told, NULL, err);
}

void permissions_forget(struct api *api, const char *id)
{
	struct permissions_message message = { .count = 0 };
	struct error err = ERROR_INIT;
	int64_t has;

	snprintf(message.id, sizeof message.id, "%.24s", id);
	if (store_number(api->store, &err, 0, &has, "SELECT 1 FROM permissions WHERE id = ?", "s", id) == -1 ||
	    (has == 1 && peer_ask(api->gate, MESSAGE_PERMISSIONS, &message, sizeof message, -1, GATE_MS, told, NULL, &err) == -1))
		log_warning("the gate keeps permissions of %s, which is gone: %s", id, err.message);
}
