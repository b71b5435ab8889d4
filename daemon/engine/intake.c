/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/intake.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/engine/container.h"
#include "daemon/engine/import.h"
#include "daemon/engine/layer.h"
#include "daemon/engine/puller.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/truth.h"
#include "daemon/lib/error.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"

/* The most that any import may unpack, whatever api says. */
#define IMPORT_BYTES_MAX (UINT64_C(64) << 30)
#define IMPORT_ENTRIES_MAX UINT64_C(2000000)

static void import_done(const struct image_content_message *content, const struct error *err, void *data)
{
	uint64_t *serial = data;

	if (content == NULL)
		reply(*serial, err);
	else {
		/* A list that began meanwhile was made before api knew of these. */
		for (uint32_t i = 0; i < content->layer_count; i++)
			truth_keep_image(content->layers[i]);
		reply_frame(MESSAGE_IMAGE_CONTENT, *serial, content, sizeof *content);
	}
	free(serial);
}

static int digest_check(const char *digest, struct error *err)
{
	if (!hex_valid(digest, DIGEST_TEXT - 1))
		return error_field(err, "digest", "the digest is not 64 hexadecimal digits");
	return 0;
}

void intake_import(struct loop *loop, const struct message *message)
{
	struct image_message image = *(const struct image_message *)message->payload;
	struct error err = ERROR_INIT;

	if (digest_check(image.digest, &err) == -1) {
		reply(message->serial, &err);
		return;
	}
	image.bytes_max = image.bytes_max < IMPORT_BYTES_MAX ? image.bytes_max : IMPORT_BYTES_MAX;
	image.entries_max = image.entries_max < IMPORT_ENTRIES_MAX ? image.entries_max : IMPORT_ENTRIES_MAX;
	uint64_t *serial = malloc(sizeof *serial);
	if (serial == NULL) {
		error_set(&err, ENOMEM, "no memory for an import");
		reply(message->serial, &err);
		return;
	}
	*serial = message->serial;
	if (import_begin(loop, &image, message->fd, import_done, serial, &err) == -1) {
		free(serial);
		reply(message->serial, &err);
	}
}

void intake_pull(struct loop *loop, const struct message *message)
{
	struct error err = ERROR_INIT;
	int result;

	if (message->fd == -1)
		result = error_set(&err, EBADF, "a pull comes with a socket");
	else
		result = puller_start(loop, message->fd, &err);
	reply_now(message->serial, result, &err);
}

void intake_delete(struct loop *loop, const struct message *message)
{
	const struct image_message *image = message->payload;
	struct error err = ERROR_INIT;
	int result = digest_check(image->digest, &err);

	if (result == 0 && (container_uses(image->digest) || import_uses(image->digest)))
		result = error_set(&err, EBUSY, "a container or an image that is being imported is built on this layer");
	if (result == 0)
		result = layer_delete(loop, image->digest, &err);
	reply_now(message->serial, result, &err);
}
