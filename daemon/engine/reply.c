/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/reply.h"

#include <errno.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"

static struct channel *channel;

void reply_init(struct channel *to)
{
	channel = to;
}

void reply_file(uint32_t type, uint64_t serial, const void *payload, size_t size, int fd)
{
	struct error err = ERROR_INIT;

	if (channel_send(channel, type, serial, payload, size, fd, &err) == -1)
		log_error("cannot answer api: %s", err.message);
}

void reply_frame(uint32_t type, uint64_t serial, const void *payload, size_t size)
{
	reply_file(type, serial, payload, size, -1);
}

void reply(uint64_t serial, const struct error *err)
{
	struct result_message result = { 0 };

	if (serial == 0) { /* nobody waits */
		if (err != NULL)
			log_error("%s", err->message);
		return;
	}
	if (err != NULL) {
		result.code = (uint32_t)(err->code != 0 ? err->code : EIO);
		memcpy(result.field, err->field, sizeof result.field);
		memcpy(result.message, err->message, sizeof result.message);
	}
	reply_frame(MESSAGE_RESULT, serial, &result, sizeof result);
}

/* Answers a request whose work is done, or which could not be begun. */
void reply_now(uint64_t serial, int result, const struct error *err)
{
	reply(serial, result == 0 ? NULL : err);
}
