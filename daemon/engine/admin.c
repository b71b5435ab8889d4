/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/commands.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/firewall.h"
#include "daemon/engine/reply.h"
#include "daemon/lib/access.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"

#define KEPT_PATH ENGINE_DATA "/access.json"

enum { ACCESS_BYTES_MAX = 16384 };

/* In one transaction: nobody is shut out or let in between. */
static int ssh_apply(const struct access_list *ssh, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	char network[CIDR_TEXT];

	if (out == NULL)
		return error_set(err, ENOMEM, "no memory for who reaches SSH");
	fputs("add chain " COMMANDS_TABLE "admin\nflush chain " COMMANDS_TABLE "admin\n", out);
	for (size_t i = 0; i < ssh->count; i++) {
		cidr_format(&ssh->addresses[i], network);
		fprintf(out, "add rule " COMMANDS_TABLE "admin %s saddr %s accept\n", ssh->addresses[i].family == AF_INET ? "ip" : "ip6", network);
	}
	fprintf(out, "add rule " COMMANDS_TABLE "admin %s\n", ssh->limited ? "counter name \"ssh_refused\" drop" : "accept");
	if (fclose(out) != 0)
		return error_set(err, ENOMEM, "no memory for who reaches SSH");
	if (firewall_run(text, err) == -1)
		return error_wrap(err, "cannot change who reaches SSH");
	return 0;
}

static int access_keep(const struct access *access, struct error *err)
{
	cleanup_json json_t *object = access_json(access);
	cleanup_free char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);

	if (text == NULL)
		return error_set(err, ENOMEM, "no memory for who reaches SSH");
	return file_write(KEPT_PATH, text, strlen(text), 0600, err);
}

void admin_take(const struct message *message)
{
	const struct access_message *wanted = message->payload;
	struct access access;
	struct error err = ERROR_INIT;
	cleanup_json json_t *object = json_read_fd(message->fd, ACCESS_BYTES_MAX, &err);
	int result = object == NULL || access_read(object, &access, &err) == -1 || ssh_apply(&access.ssh, &err) == -1 ? -1 : 0;

	if (result == 0 && wanted->keep == 1)
		result = access_keep(&access, &err);
	reply_now(message->serial, result, &err);
}

int admin_init(struct error *err)
{
	struct access access = { 0 };
	struct error why = ERROR_INIT;
	cleanup_free char *text = NULL;
	size_t size = 0;

	if (file_read(KEPT_PATH, ACCESS_BYTES_MAX, &text, &size, &why) == 0) {
		cleanup_json json_t *object = json_parse(text, size, &why);
		if (object == NULL || access_read(object, &access, &why) == -1) {
			access = (struct access){ 0 };
			log_error("SSH is open to all addresses: %s: %s", KEPT_PATH, why.message);
		}
	} else if (why.code != ENOENT) {
		log_error("SSH is open to all addresses: %s", why.message);
	}
	return ssh_apply(&access.ssh, err);
}
