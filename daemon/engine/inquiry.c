/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/inquiry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/engine/console_log.h"
#include "daemon/engine/container.h"
#include "daemon/engine/profit.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/status.h"
#include "daemon/engine/usage.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"

void inquiry_console(const struct message *message)
{
	const struct container_id_message *id = message->payload;
	struct result_message result = { 0 };
	struct error err = ERROR_INIT;

	if (!id_valid(id->id))
		error_field(&err, "id", "the id is not 24 hexadecimal digits");
	cleanup_fd int fd = err.code != 0 ? -1 : console_log_copy(id->id, &err);
	if (fd == -1)
		reply(message->serial, &err);
	else
		reply_file(MESSAGE_RESULT, message->serial, &result, sizeof result, fd);
}

void inquiry_host(const struct message *message)
{
	struct host_status_message status;

	status_read(&status);
	reply_frame(MESSAGE_HOST_STATUS_REPLY, message->serial, &status, sizeof status);
}

void inquiry_usage(const struct message *message)
{
	const struct container_id_message *id = message->payload;
	const struct container *c = container_find(id->id);
	struct usage_message usage;
	struct error err = ERROR_INIT;

	if (c == NULL) {
		error_set(&err, ENOENT, "there is no such container");
		reply(message->serial, &err);
		return;
	}
	usage_read(&c->message, &usage);
	reply_frame(MESSAGE_USAGE_REPLY, message->serial, &usage, sizeof usage);
}

static void merging_measured(const char *id, const struct profit *profit, const struct error *err, void *data)
{
	struct merging_message merging = { 0 };
	const struct container *c = container_find(id);
	uint64_t *serial = data;

	if (err != NULL) {
		reply(*serial, err);
	} else {
		snprintf(merging.id, sizeof merging.id, "%s", id);
		merging.opted_in = c != NULL && c->state == CONTAINER_STATE_RUNNING && c->message.merge != 0;
		merging.processes = profit->processes;
		merging.pages_merged = profit->pages_merged;
		merging.pages_zero = profit->pages_zero;
		merging.profit = profit->bytes;
		reply_frame(MESSAGE_MERGING_REPLY, *serial, &merging, sizeof merging);
	}
	free(serial);
}

void inquiry_merging(struct loop *loop, const struct message *message)
{
	const struct container_id_message *id = message->payload;
	const struct container *c = container_find(id->id);
	struct error err = ERROR_INIT;
	uint64_t *serial = malloc(sizeof *serial);

	if (c == NULL)
		error_set(&err, ENOENT, "there is no such container");
	else if (serial == NULL)
		error_set(&err, ENOMEM, "no memory for a measurement");
	if (serial != NULL)
		*serial = message->serial;
	if (err.code != 0 || profit_begin(loop, &c->message, merging_measured, serial, &err) == -1) {
		free(serial);
		reply(message->serial, &err);
	}
}
