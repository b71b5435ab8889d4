/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/certificate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/engine/reply.h"
#include "daemon/lib/certificate.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"

enum { FILE_MAX = 256 * 1024 };

void certificate_store(const struct message *message)
{
	struct error err = ERROR_INIT;
	cleanup_secret struct secret *text = secret_new(CERTIFICATE_TEXT_MAX, &err);
	int result = -1;

	if (text != NULL && lseek(message->fd, 0, SEEK_SET) == -1)
		error_set(&err, EBADMSG, "there is no certificate with the message");
	else if (text != NULL && secret_read(text, message->fd, &err) == 0 && certificate_check(text, &err) == 0)
		result = file_write(CERTIFICATE_PATH, text->data, text->size, 0600, &err);
	reply_now(message->serial, result, &err);
}

void certificate_show(const struct message *message)
{
	struct error err = ERROR_INIT;
	char *text = NULL;
	size_t size = 0;
	json_t *object = NULL;

	if (file_read(CERTIFICATE_PATH, FILE_MAX, &text, &size, &err) == 0) {
		object = certificate_json(text, size, &err);
		explicit_bzero(text, size); /* the key is in it */
		free(text);
	}
	cleanup_fd int fd = object == NULL ? -1 : json_memory("certificate", object, &err);
	json_decref(object);
	if (fd == -1)
		reply(message->serial, &err);
	else
		reply_file(MESSAGE_CERTIFICATE_REPLY, message->serial, NULL, 0, fd);
}
