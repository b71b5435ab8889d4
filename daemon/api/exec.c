/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec: commands in running containers. The engine gives a channel to a process
 * of its own (role exec), which is told to go; the output comes as a file with
 * the end. Whatever happens to the request, to api or to the engine: nothing is
 * run twice, and a command whose channel is gone is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/command.h"
#include "daemon/api/inside.h"
#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/protocol.h"

enum {
	BEGIN_MS = 10000,  /* for the engine to start the process */
	MARGIN_MS = 30000, /* beyond the command's own time */
};

struct exec {
	struct request *request; /* NULL: answered */
	struct api *api;
	struct channel *session;
	struct loop_source *timer;
	uint32_t timeout_ms, output_max;
};

static void exec_free(void *data)
{
	struct exec *exec = data;

	channel_free(exec->session);
	loop_remove(exec->timer);
	free(exec);
}

/* Answered: it is freed as soon as no callback of its own is under way. */
static void exec_done(struct exec *exec)
{
	struct error err = ERROR_INIT;

	exec->request = NULL;
	loop_remove(exec->timer);
	exec->timer = loop_add_timer(exec->api->loop, 0, exec_free, exec, &err);
	if (exec->timer == NULL)
		log_error("%s", err.message); /* and is left */
}

static void exec_fail(struct exec *exec, const struct error *err)
{
	inside_fail(exec->request, err);
	exec_done(exec);
}

static json_t *output_read(int fd, uint64_t at, uint64_t written, uint32_t max, struct error *err)
{
	size_t size = written < max ? (size_t)written : max;
	cleanup_free char *data = malloc(size + 1);

	if (data == NULL) {
		error_set(err, ENOBUFS, "no memory for the output of a command");
		return NULL;
	}
	for (size_t got = 0; got < size;) {
		ssize_t n = pread(fd, data + got, size - got, (off_t)(at + got));
		if (n <= 0) {
			error_set(err, EIO, "the output of a command is not there as a whole");
			return NULL;
		}
		got += (size_t)n;
	}
	json_t *json = command_output_json(data, size, written);
	if (json == NULL)
		error_set(err, ENOBUFS, "no memory for the output of a command");
	return json;
}

static void end_answer(struct exec *exec, const struct exec_end_message *end, int fd)
{
	struct error err = ERROR_INIT;
	char name[16] = "";

	if (end->code != 0) {
		error_field(&err, end->field, "%s", end->message);
		err.code = (int)end->code;
		exec_fail(exec, &err);
		return;
	}
	json_t *out = output_read(fd, 0, end->written[0], exec->output_max, &err);
	json_t *errors = out == NULL ? NULL : output_read(fd, exec->output_max, end->written[1], exec->output_max, &err);
	if (errors == NULL) {
		json_decref(out);
		exec_fail(exec, &err);
		return;
	}
	if (WIFSIGNALED(end->status))
		command_signal_name(WTERMSIG(end->status), name);
	request_answer(exec->request, 200,
		       json_pack("{s:o, s:o, s:b, s:o, s:o}", "exit_code",
				 WIFEXITED(end->status) ? json_integer(WEXITSTATUS(end->status)) : json_null(), "signal",
				 name[0] != '\0' ? json_string(name) : json_null(), "timed_out", end->timed_out != 0,
				 "stdout", out, "stderr", errors));
	exec_done(exec);
}

static void session_says(struct channel *channel, struct message *message, void *data)
{
	struct exec *exec = data;
	struct error err = ERROR_INIT;

	(void)channel;
	if (exec->request == NULL)
		return;
	if (message->type == MESSAGE_EXEC_END) {
		end_answer(exec, message->payload, message->fd);
		return;
	}
	error_set(&err, EEXIST, "the container ended, or the process that carries the command; nobody knows how far it came");
	exec_fail(exec, &err);
}

static void exec_late(void *data)
{
	struct exec *exec = data;
	struct error err = ERROR_INIT;

	error_set(&err, ETIMEDOUT, "the command was killed, and has not ended");
	exec_fail(exec, &err);
}

static void exec_answered(const struct message *answer, const struct error *failure, void *data)
{
	struct exec *exec = data;
	struct error err = ERROR_INIT;

	if (failure != NULL) {
		exec_fail(exec, failure);
		return;
	}
	int fd = answer->fd == -1 ? -1 : fcntl(answer->fd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1) {
		error_errno(&err, "the engine's answer brings no session");
		exec_fail(exec, &err);
		return;
	}
	exec->session = channel_new(exec->api->loop, fd, session_says, exec, &err);
	if (exec->session == NULL) {
		close(fd);
		exec_fail(exec, &err);
		return;
	}
	channel_passing(exec->session);
	exec->timer = loop_add_timer(exec->api->loop, (int64_t)exec->timeout_ms + MARGIN_MS, exec_late, exec, &err);
	if (exec->timer == NULL || channel_send(exec->session, MESSAGE_EXEC_GO, 0, NULL, 0, -1, &err) == -1)
		exec_fail(exec, &err);
}

/* -1 without input, -2 with err. */
static int input_file(const unsigned char *input, size_t size, struct error *err)
{
	if (input == NULL)
		return -1;
	cleanup_fd int fd = memfd_create("input", MFD_CLOEXEC);
	if (fd == -1 || fd_write_full(fd, input, size) == -1 || lseek(fd, 0, SEEK_SET) == -1) {
		error_errno(err, "cannot keep the input of a command");
		return -2;
	}
	return fd_steal(&fd);
}

void exec_run(struct request *request)
{
	static struct exec_message message; /* large */
	struct error err = ERROR_INIT;
	cleanup_free unsigned char *input = NULL;
	size_t input_size = 0;

	if (!inside_open(request))
		return;
	if (command_read(request->json, &message, &input, &input_size, &err) == -1) {
		request_fail_error(request, &err);
		return;
	}
	memcpy(message.id, request->id, sizeof message.id);
	id_generate(message.session);
	int fd = input_file(input, input_size, &err);
	struct exec *exec = fd == -2 ? NULL : calloc(1, sizeof *exec);
	if (exec == NULL) {
		if (fd != -2)
			error_set(&err, ENOBUFS, "no memory for a command");
		fd_cleanup(&fd);
		request_fail_host(request, &err);
		return;
	}
	*exec = (struct exec){ .request = request, .api = request->api, .timeout_ms = message.timeout_ms,
			       .output_max = message.output_max };
	int asked = peer_ask(request->api->engine, MESSAGE_EXEC, &message, sizeof message, fd, BEGIN_MS, exec_answered, exec,
			     &err);
	fd_cleanup(&fd);
	if (asked == -1)
		exec_fail(exec, &err);
}
