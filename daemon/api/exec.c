/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec: a command in a running container, from its request to what came out of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/command.h"
#include "daemon/api/inside.h"
#include "daemon/api/resources.h"
#include "daemon/api/session.h"
#include "daemon/api/sessions.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/protocol.h"

struct exec {
	struct request *request;
	uint32_t output_max;
};

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

static int end_answer(struct exec *exec, const struct exec_end_message *end, int fd, struct error *err)
{
	char name[16] = "";

	if (session_failure(end, err) == -1)
		return -1;
	json_t *out = output_read(fd, 0, end->written[0], exec->output_max, err);
	json_t *errors = out == NULL ? NULL : output_read(fd, exec->output_max, end->written[1], exec->output_max, err);
	if (errors == NULL) {
		json_decref(out);
		return -1;
	}
	if (WIFSIGNALED(end->status))
		command_signal_name(WTERMSIG(end->status), name);
	request_answer(exec->request, 200,
		       json_pack("{s:o, s:o, s:b, s:o, s:o}", "exit_code",
				 WIFEXITED(end->status) ? json_integer(WEXITSTATUS(end->status)) : json_null(), "signal",
				 name[0] != '\0' ? json_string(name) : json_null(), "timed_out", end->timed_out != 0,
				 "stdout", out, "stderr", errors));
	return 0;
}

static void exec_ended(const struct exec_end_message *end, int output, const struct error *failure, void *data)
{
	cleanup_free struct exec *exec = data;
	struct error err = ERROR_INIT;

	if (failure == NULL && end_answer(exec, end, output, &err) == -1)
		failure = &err;
	if (failure != NULL)
		inside_fail(exec->request, failure);
}

/* -1 without input, -2 with err. */
static int input_file(const unsigned char *input, size_t size, struct error *err)
{
	if (input == NULL)
		return -1;
	int fd = fd_memory("input", input, size, err);
	return fd == -1 ? -2 : fd;
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
	if (message.attach != 0) {
		sessions_create(request, &message);
		return;
	}
	int fd = input_file(input, input_size, &err);
	cleanup_free struct exec *exec = fd == -2 ? NULL : calloc(1, sizeof *exec);
	if (exec == NULL) {
		if (fd != -2)
			error_set(&err, ENOBUFS, "no memory for a command");
		fd_cleanup(&fd);
		request_fail_host(request, &err);
		return;
	}
	*exec = (struct exec){ .request = request, .output_max = message.output_max };
	int begun = session_start(request->api, &message, fd, exec_ended, exec, &err);
	fd_cleanup(&fd);
	if (begun == -1)
		inside_fail(request, &err);
	else
		(void)steal_pointer(&exec);
}
