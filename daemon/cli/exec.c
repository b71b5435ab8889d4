/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/exec.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "daemon/cli/call.h"
#include "daemon/cli/http.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { BLOCK = 32 * 1024, CONTROL_MAX = 4096, POLL_MS = 1000 };

struct attached {
	struct http_stream *stream;
	bool terminal, input_open;
	char control[CONTROL_MAX];
	size_t control_size;
	int number;              /* of the message that is being read: 1 output, 2 errors */
	bool over;               /* the command's end has come */
	int code;
	struct error *err;
};

static struct termios before;

static void terminal_restore(void)
{
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* What is typed goes to the command as it is, Ctrl-C also. */
static int terminal_raw(struct error *err)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &before) == -1)
		return error_errno(err, "cannot read the settings of the terminal");
	raw = before;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) == -1)
		return error_errno(err, "cannot set the terminal");
	return 0;
}

static json_t *size_json(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_col == 0 || size.ws_row == 0)
		return json_pack("{s:i, s:i}", "columns", 80, "rows", 24);
	return json_pack("{s:i, s:i}", "columns", (int)size.ws_col, "rows", (int)size.ws_row);
}

static int control_send(struct attached *attached, json_t *json, const char *type)
{
	if (json == NULL || json_object_set_new(json, "type", json_string(type)) < 0) {
		json_decref(json);
		return error_set(attached->err, ENOMEM, "out of memory");
	}
	cleanup_free char *text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (text == NULL)
		return error_set(attached->err, ENOMEM, "out of memory");
	return http_stream_send(attached->stream, true, text, strlen(text), attached->err);
}

/* {"type":"exit","exit_code":0,"signal":null} or {"type":"error","message":...,"field":...} */
static int control_take(struct attached *attached)
{
	const char *type = "", *message = NULL, *field = NULL;
	json_t *json = json_loadb(attached->control, attached->control_size, 0, NULL);
	json_t *code = json_object_get(json, "exit_code"), *number = json_object_get(json, "signal");
	int result = 0;

	(void)json_unpack(json, "{s:s}", "type", &type);
	if (strcmp(type, "exit") == 0) {
		attached->over = true;
		attached->code = json_is_integer(code) ? (int)json_integer_value(code) : 128 + (int)json_integer_value(number);
	} else if (strcmp(type, "error") == 0) {
		(void)json_unpack(json, "{s?s, s?s}", "message", &message, "field", &field);
		result = error_set(attached->err, EPROTO, "%s", message != NULL ? message : "the command could not be run");
		if (field != NULL)
			snprintf(attached->err->field, sizeof attached->err->field, "%s", field);
	}
	json_decref(json);
	attached->control_size = 0;
	return result;
}

static int part_take(struct attached *attached, const struct http_part *part)
{
	const char *data = part->data;
	size_t size = part->size;

	if (part->text) {
		if (size > sizeof attached->control - attached->control_size)
			return error_set(attached->err, EPROTO, "the host sent a message that is too long");
		memcpy(attached->control + attached->control_size, data, size);
		attached->control_size += size;
		return part->last ? control_take(attached) : 0;
	}
	if (part->first && size > 0) {
		attached->number = data[0];
		data++;
		size--;
	}
	if (attached->number != STDOUT_FILENO && attached->number != STDERR_FILENO)
		return error_set(attached->err, EPROTO, "the host sent a stream that is not known");
	return fd_write_full(attached->number, data, size) < 0 ? error_errno(attached->err, "cannot write the command's output") : 0;
}

/* All that is there. 1: the connection is closed. */
static int output_take(struct attached *attached)
{
	static char block[BLOCK];
	struct http_part part;

	for (;;) {
		int got = http_stream_receive(attached->stream, block, sizeof block, &part, attached->err);
		if (got == 0)
			return 0;
		if (got < 0)
			return -1;
		if (part.closed)
			return 1;
		if (part_take(attached, &part) < 0)
			return -1;
	}
}

static int input_take(struct attached *attached)
{
	static char block[BLOCK]; /* the first byte names the stream */

	ssize_t n = read(STDIN_FILENO, block + 1, sizeof block - 1);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : error_errno(attached->err, "cannot read standard input");
	if (n == 0) {
		attached->input_open = false;
		return control_send(attached, json_object(), "end");
	}
	block[0] = STDIN_FILENO;
	return http_stream_send(attached->stream, false, block, (size_t)n + 1, attached->err);
}

static int carry(struct attached *attached, int signals)
{
	struct signalfd_siginfo info;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = http_stream_socket(attached->stream), .events = POLLIN },
			{ .fd = attached->input_open ? STDIN_FILENO : -1, .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
		};
		if (poll(fds, 3, POLL_MS) < 0 && errno != EINTR)
			return error_errno(attached->err, "cannot wait for the command");
		int end = output_take(attached);
		if (end != 0)
			return end;
		if ((fds[1].revents & (POLLIN | POLLHUP)) != 0 && input_take(attached) < 0)
			return -1;
		if ((fds[2].revents & POLLIN) != 0 && read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
			int told = info.ssi_signo == SIGWINCH
				? control_send(attached, size_json(), "resize")
				: control_send(attached, json_pack("{s:i}", "signal", (int)info.ssi_signo), "signal");
			if (told < 0)
				return -1;
		}
	}
}

static int session_make(const struct http_target *target, int count, char **words, bool terminal, char path[128], struct error *err)
{
	json_t *body = json_pack("{s:b, s:o}", "attach", 1, "command", json_array()), *answer = NULL;
	char address[256], id[97];
	const char *session = NULL;
	int i = 0, result = 0;

	for (; i < count && (strncmp(words[i], "user=", 5) == 0 || strncmp(words[i], "cwd=", 4) == 0); i++) {
		const char *equals = strchr(words[i], '=');
		result |= json_object_setn_new(body, words[i], (size_t)(equals - words[i]), json_string(equals + 1));
	}
	bool usable = count - i >= 2 && call_escape(words[i], id, sizeof id);
	for (int n = i + 1; usable && n < count; n++)
		result |= json_array_append_new(json_object_get(body, "command"), json_string(words[n]));
	if (terminal) {
		const char *term = getenv("TERM");
		result |= json_object_set_new(body, "terminal", size_json());
		if (term != NULL)
			result |= json_object_set_new(body, "environment", json_pack("{s:s}", "TERM", term));
	}
	if (!usable || result < 0 || body == NULL) {
		json_decref(body);
		return usable ? error_set(err, EINVAL, "a word is not valid UTF-8") : error_set(err, EINVAL, "%s", "");
	}
	snprintf(address, sizeof address, "/api/v1/containers/%s/exec", id);
	result = call_json(target, "POST", address, body, &answer, err);
	json_decref(body);
	if (result == 0 && json_unpack(answer, "{s:s}", "id", &session) < 0)
		result = error_set(err, EPROTO, "the host's answer names no session");
	if (result == 0)
		snprintf(path, 128, "/api/v1/sessions/%.64s", session);
	json_decref(answer);
	return result;
}

int exec_attached(const struct http_target *target, int count, char **words, struct error *err)
{
	struct attached attached = { .input_open = true, .err = err };
	char path[128];
	sigset_t taken;

	attached.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (session_make(target, count, words, attached.terminal, path, err) < 0)
		return -1;
	attached.stream = http_stream_open(target, path, err);
	if (attached.stream == NULL)
		return -1;
	sigemptyset(&taken);
	sigaddset(&taken, attached.terminal ? SIGWINCH : SIGINT);
	sigaddset(&taken, SIGTERM);
	sigprocmask(SIG_BLOCK, &taken, NULL);
	cleanup_fd int signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
	int result = signals < 0 ? error_errno(err, "cannot take signals") : 0;
	if (result == 0 && attached.terminal)
		result = terminal_raw(err);
	if (result == 0) {
		result = carry(&attached, signals);
		if (attached.terminal)
			terminal_restore();
	}
	http_stream_close(attached.stream);
	if (result < 0)
		return -1;
	return attached.over ? attached.code : EXEC_UNKNOWN;
}
