/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/upkeep.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/engine/compaction.h"
#include "daemon/engine/copies.h"
#include "daemon/engine/export.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/truth.h"
#include "daemon/lib/error.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"

static void compacted(const struct compact_reply_message *result, const struct error *err, void *data)
{
	uint64_t *serial = data;

	if (err != NULL)
		reply(*serial, err);
	else
		reply_frame(MESSAGE_COMPACT_REPLY, *serial, result, sizeof *result);
	free(serial);
}

void upkeep_compact(struct loop *loop, const struct message *message)
{
	const struct compact_message *compact = message->payload;
	struct error err = ERROR_INIT;
	uint64_t *serial = malloc(sizeof *serial);

	if (!id_valid(compact->realm))
		error_field(&err, "realm", "the id is not 24 hexadecimal digits");
	else if (serial == NULL)
		error_set(&err, ENOMEM, "no memory to compact a realm");
	if (serial != NULL)
		*serial = message->serial;
	if (err.code != 0 || compaction_begin(loop, compact, compacted, serial, &err) == -1) {
		free(serial);
		reply(message->serial, &err);
	}
}

static void copied(const struct copy_message *message, uint64_t entries, uint64_t bytes, const struct error *err, void *data)
{
	const struct copy_reply_message answer = { .entries = entries, .bytes = bytes };
	uint64_t *serial = data;

	if (err != NULL) {
		reply(*serial, err);
	} else {
		/* A list that began meanwhile was made before api knew of it. */
		truth_keep_container(message->to);
		reply_frame(MESSAGE_COPY_REPLY, *serial, &answer, sizeof answer);
	}
	free(serial);
}

void upkeep_copy(struct loop *loop, const struct message *message)
{
	struct error err = ERROR_INIT;
	uint64_t *serial = malloc(sizeof *serial);

	if (serial == NULL)
		error_set(&err, ENOMEM, "no memory for a copy");
	else
		*serial = message->serial;
	if (err.code != 0 || copies_begin(loop, message->payload, copied, serial, &err) == -1) {
		free(serial);
		reply(message->serial, &err);
	}
}

static void exported(uint64_t bytes, const struct error *err, void *data)
{
	const struct export_reply_message answer = { .bytes = bytes };
	uint64_t *serial = data;

	if (err != NULL)
		reply(*serial, err);
	else
		reply_frame(MESSAGE_EXPORT_REPLY, *serial, &answer, sizeof answer);
	free(serial);
}

void upkeep_export(struct loop *loop, const struct message *message)
{
	struct error err = ERROR_INIT;
	uint64_t *serial = malloc(sizeof *serial);

	if (serial == NULL)
		error_set(&err, ENOMEM, "no memory for an export");
	else
		*serial = message->serial;
	if (err.code != 0 || export_begin(loop, message->payload, message->fd, exported, serial, &err) == -1) {
		free(serial);
		reply(message->serial, &err);
	}
}
