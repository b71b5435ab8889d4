/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * files: in and out of a running container, one at a time. A file goes through the
 * spool, so it is whole before anybody sees a byte of it, and no tree of a
 * container is ever touched by api: that is done in there (session.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "daemon/api/api.h"
#include "daemon/api/inside.h"
#include "daemon/api/resources.h"
#include "daemon/api/session.h"
#include "daemon/api/spool.h"
#include "daemon/api/upload.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum {
	TRANSFER_MS = 1200 * 1000, /* less than the proxy waits for an answer */
	CHANGE_MS = 30 * 1000,
	MODE_FILE = 0644,
	MODE_FOLDER = 0755,
};

/* One call at a time fills it; it is large. */
static struct exec_message message;

static int path_read(struct request *request, struct error *err)
{
	const char *path = request_query(request, "path");

	if (path == NULL)
		return error_field(err, "path", "a path is needed: ?path=/...");
	if (path[0] != '/')
		return error_field(err, "path", "the path must be absolute: /...");
	message.command_size = (uint32_t)snprintf(message.command, sizeof message.command, "%s", path) + 1;
	return 0;
}

/* "0644" */
static int mode_read(struct request *request, mode_t fallback, struct error *err)
{
	const char *text = request_query(request, "mode");
	char *end;

	message.mode = fallback;
	if (text == NULL)
		return 0;
	unsigned long mode = strtoul(text, &end, 8);
	if (text[0] < '0' || text[0] > '7' || *end != '\0' || mode > 07777)
		return error_field(err, "mode", "the mode is an octal number of at most 7777, like 0644");
	message.mode = (uint32_t)mode;
	return 0;
}

static int type_read(struct request *request, struct error *err)
{
	const char *type = request_query(request, "type");

	message.action = EXEC_PUSH;
	if (type != NULL && strcmp(type, "folder") == 0)
		message.action = EXEC_FOLDER;
	else if (type != NULL && strcmp(type, "file") != 0)
		return error_field(err, "type", "the type is file or folder");
	return 0;
}

/* False: answered. */
static bool message_begin(struct request *request, enum exec_action action, uint32_t timeout_ms)
{
	struct error err = ERROR_INIT;

	memset(&message, 0, sizeof message);
	message.action = action;
	message.timeout_ms = timeout_ms;
	if (!inside_open(request))
		return false;
	memcpy(message.id, request->id, sizeof message.id);
	if (path_read(request, &err) == 0)
		return true;
	request_fail_error(request, &err);
	return false;
}

/* What a path meets in there is the client's to know; the rest is the host's. */
static void files_fail(struct request *request, const struct error *err)
{
	if (err->code == EFBIG)
		request_fail(request, 413, "too_large", err->field, "%s", err->message);
	else
		inside_fail(request, err);
}

static int outcome(const struct exec_end_message *end, const struct error *failure, struct error *err)
{
	if (failure != NULL) {
		*err = *failure;
		return -1;
	}
	if (session_failure(end, err) == -1)
		return -1;
	if (end->timed_out)
		return error_set(err, ETIMEDOUT, "it took too long inside the container and was ended");
	if (!WIFEXITED(end->status) || WEXITSTATUS(end->status) != 0)
		return error_set(err, EEXIST, "the container ended, or has no memory left; nobody knows how far it came");
	return 0;
}

static void changed(const struct exec_end_message *end, int output, const struct error *failure, void *data)
{
	struct request *request = data;
	struct error err = ERROR_INIT;

	(void)output;
	if (outcome(end, failure, &err) == -1)
		files_fail(request, &err);
	else
		request_answer(request, 204, NULL);
}

static void pulled(const struct exec_end_message *end, int output, const struct error *failure, void *data)
{
	struct request *request = data;
	struct error err = ERROR_INIT;

	(void)output;
	if (outcome(end, failure, &err) == -1) {
		files_fail(request, &err);
		return;
	}
	cleanup_fd int fd = upload_copy(request->upload, &err);
	if (fd == -1) {
		request_fail_host(request, &err);
		return;
	}
	request_answer_add(request, "X-Bulkhead-Type", "%s", end->folder ? "folder" : "file");
	request_answer_add(request, "X-Bulkhead-Mode", "%04o", end->mode);
	request_answer_add(request, "X-Bulkhead-Uid", "%u", end->uid);
	request_answer_add(request, "X-Bulkhead-Gid", "%u", end->gid);
	char modified[TIME_TEXT];
	time_format(end->modified_ms, modified);
	request_answer_add(request, "X-Bulkhead-Modified", "%s", modified);
	request_answer_file(request, end->folder ? "application/json" : "application/octet-stream", fd_steal(&fd), end->bytes);
}

void files_show(struct request *request)
{
	struct error err = ERROR_INIT;

	if (!message_begin(request, EXEC_PULL, TRANSFER_MS))
		return;
	request->upload = upload_open(request, 0);
	if (request->upload == NULL)
		return;
	message.bytes_max = upload_room(request->upload);
	if (session_start(request->api, &message, upload_file(request->upload), pulled, request, &err) == -1)
		inside_fail(request, &err);
}

/* Fills the message for what comes behind the head, or only looks at it. */
static bool put_read(struct request *request)
{
	struct error err = ERROR_INIT;
	int64_t uid, gid;

	if (!message_begin(request, EXEC_PUSH, TRANSFER_MS) ||
	    request_query_number(request, "uid", 0, 0, 65535, &uid) == -1 ||
	    request_query_number(request, "gid", 0, 0, 65535, &gid) == -1)
		return false;
	if (type_read(request, &err) == -1 ||
	    mode_read(request, message.action == EXEC_FOLDER ? MODE_FOLDER : MODE_FILE, &err) == -1) {
		request_fail_error(request, &err);
		return false;
	}
	message.uid = (uint32_t)uid;
	message.gid = (uint32_t)gid;
	return true;
}

void files_put_head(struct request *request)
{
	(void)put_read(request);
}

void files_put(struct request *request)
{
	char digest[DIGEST_TEXT];
	struct error err = ERROR_INIT;

	if (!put_read(request)) /* it may have stopped meanwhile */
		return;
	if (message.action == EXEC_FOLDER && request->received != 0) {
		request_fail(request, 400, "invalid", NULL, "a folder is made without a body");
		return;
	}
	if (upload_finish(request->upload, digest, &err) == -1)
		request_fail_host(request, &err);
	else if (session_start(request->api, &message, upload_reader(request->upload), changed, request, &err) == -1)
		inside_fail(request, &err);
}

void files_delete(struct request *request)
{
	struct error err = ERROR_INIT;

	if (message_begin(request, EXEC_REMOVE, CHANGE_MS) &&
	    session_start(request->api, &message, -1, changed, request, &err) == -1)
		inside_fail(request, &err);
}
