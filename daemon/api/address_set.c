/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/address_set.h"

#include <errno.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

enum { FORGET_MS = 15000 };

int address_set_of(struct store *store, const char *id, struct address_set *ret_set, struct error *err)
{
	cleanup_query sqlite3_stmt *row = store_query(store, err, "SELECT addresses FROM address_sets WHERE id = ?", "s", id);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step == 0)
		error_set(err, ENOENT, "there is no address set %s", id);
	if (step != 1)
		return -1;
	size_t size = (size_t)sqlite3_column_bytes(row, 0);
	return address_set_load(sqlite3_column_blob(row, 0), size, ret_set, err);
}

bool address_set_has(const char *id, const struct cidr *address, void *data)
{
	struct error err = ERROR_INIT;
	struct address_set set;

	if (address_set_of(data, id, &set, &err) == -1) {
		log_error("%s", err.message);
		return false;
	}
	bool has = address_set_holds(&set, address);
	address_set_free(&set);
	return has;
}

int address_set_fill(struct store *store, const char *id, struct address_set_message *message, int *ret_fd, struct error *err)
{
	struct address_set set;

	if (address_set_of(store, id, &set, err) == -1)
		return -1;
	*message = (struct address_set_message){ 0 };
	memcpy(message->id, id, sizeof message->id - 1);
	*ret_fd = fd_memory("addresses", set.addresses, address_set_size(&set), err);
	address_set_free(&set);
	return *ret_fd == -1 ? -1 : 0;
}

int address_set_ask(struct api *api, const char *id, int64_t timeout_ms, peer_answer_cb *cb, void *data, struct error *err)
{
	struct address_set_message message;
	cleanup_fd int fd = -1;

	if (address_set_fill(api->store, id, &message, &fd, err) == -1)
		return -1;
	return peer_ask(api->engine, MESSAGE_ADDRESS_SET, &message, sizeof message, fd, timeout_ms, cb, data, err);
}

int address_set_ask_gone(struct api *api, const char *id, peer_answer_cb *cb, struct error *err)
{
	struct address_set_message message = { 0 };

	memcpy(message.id, id, sizeof message.id - 1);
	return peer_ask(api->engine, MESSAGE_ADDRESS_SET, &message, sizeof message, -1, FORGET_MS, cb, NULL, err);
}
