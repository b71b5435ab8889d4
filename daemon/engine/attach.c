/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wslay/wslay.h>

#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/loop.h"

enum {
	MESSAGE_MAX = 256 * 1024,
	QUEUE_MAX = 128 * 1024,  /* bytes for the client before the command waits */
	BLOCK = 32 * 1024,
	BLOCKS_AT_END = 33,      /* a pipe holds 1 MiB at the most */
	PING_MS = 30000,
	SILENCE_MS = 100000,
	CLOSE_MS = 5000,
	SIZE_MAX_CELLS = 10000,
};

enum stream_number { STREAM_INPUT, STREAM_OUTPUT, STREAM_ERRORS, STREAMS };

struct stream {
	struct attach *attach;
	enum stream_number number;
	int fd;
	struct loop_source *source;
};

struct attach {
	struct loop *loop;
	attach_gone_cb *gone;
	void *data;
	int socket;
	struct loop_source *source, *timer;
	wslay_event_context_ptr websocket;
	struct stream streams[STREAMS];
	bool terminal, ending, closing, refused, failed;
	unsigned char *input; /* not yet taken by the command, owned */
	size_t input_size, input_taken;
	bool input_ends;      /* behind that */
	pid_t pid;
	int64_t heard_ms;
};

static void stream_close(struct stream *stream)
{
	loop_remove(stream->source);
	stream->source = NULL;
	fd_cleanup(&stream->fd);
}

static void gone(struct attach *attach)
{
	attach_gone_cb *cb = attach->gone;

	loop_remove(attach->source);
	loop_remove(attach->timer);
	attach->source = attach->timer = NULL;
	for (size_t i = 0; i < STREAMS; i++)
		stream_close(&attach->streams[i]);
	attach->gone = NULL;
	if (cb != NULL)
		cb(attach->data);
}

static bool queue_full(const struct attach *attach)
{
	return wslay_event_get_queued_msg_length(attach->websocket) >= QUEUE_MAX;
}

/* Who is waited for, by what is left to do. False: the client is gone. */
static bool interest_set(struct attach *attach)
{
	struct error err = ERROR_INIT;
	bool input = attach->input_taken < attach->input_size, full = queue_full(attach);
	uint32_t events = (wslay_event_want_write(attach->websocket) ? EPOLLOUT : 0u) | (input ? 0u : EPOLLIN);

	if (attach->gone == NULL)
		return false;
	if (loop_modify_fd(attach->source, events, &err) == -1) {
		gone(attach);
		return false;
	}
	for (size_t i = 0; i < STREAMS; i++) {
		struct stream *stream = &attach->streams[i];
		uint32_t wanted = i == STREAM_INPUT ? (input ? EPOLLOUT : 0u) : full ? 0u : EPOLLIN;
		/* A terminal is one descriptor: its output's source waits for both. */
		if (attach->terminal && i == STREAM_OUTPUT && input)
			wanted |= EPOLLOUT;
		if (stream->source != NULL)
			(void)loop_modify_fd(stream->source, wanted, &err);
	}
	return true;
}

static void message_queue(struct attach *attach, enum wslay_opcode opcode, const void *data, size_t size)
{
	const struct wslay_event_msg message = { .opcode = (uint8_t)opcode, .msg = data, .msg_length = size };

	if (wslay_event_queue_msg(attach->websocket, &message) != 0)
		attach->failed = true;
}

/* The client broke the protocol: it is told, and that was it. */
static void refuse(struct attach *attach, const char *reason)
{
	if (wslay_event_queue_close(attach->websocket, WSLAY_CODE_POLICY_VIOLATION, (const uint8_t *)reason, strlen(reason)) != 0)
		attach->failed = true;
	attach->refused = true;
}

static void input_write(struct attach *attach)
{
	struct stream *stream = &attach->streams[attach->terminal ? STREAM_OUTPUT : STREAM_INPUT];

	while (stream->fd != -1 && attach->input_taken < attach->input_size) {
		ssize_t n = write(stream->fd, attach->input + attach->input_taken, attach->input_size - attach->input_taken);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n == -1 && !attach->terminal)
			stream_close(stream); /* the command reads no more */
		if (n == -1)
			break;
		attach->input_taken += (size_t)n;
	}
	free(attach->input);
	attach->input = NULL;
	attach->input_size = attach->input_taken = 0;
	if (attach->input_ends && !attach->terminal)
		stream_close(&attach->streams[STREAM_INPUT]);
}

static void input_add(struct attach *attach, const uint8_t *data, size_t size)
{
	unsigned char *larger = realloc(attach->input, attach->input_size + size);

	if (larger == NULL) {
		attach->failed = true;
		return;
	}
	memcpy(larger + attach->input_size, data, size);
	attach->input = larger;
	attach->input_size += size;
}

/* {"type":"resize","columns":80,"rows":24}, {"type":"signal","signal":15}, {"type":"end"} */
static void control(struct attach *attach, const char *text, size_t size)
{
	struct error err = ERROR_INIT;
	cleanup_json json_t *json = json_parse(text, size, &err);
	const char *type = json_string_value(json_object_get(json, "type"));
	int columns = 0, rows = 0, number = 0;

	if (type == NULL) {
		refuse(attach, "a text message is a JSON object with a type");
	} else if (strcmp(type, "end") == 0 && json_object_size(json) == 1) {
		attach->input_ends = true;
	} else if (strcmp(type, "resize") == 0 && attach->terminal && json_object_size(json) == 3 &&
		   json_unpack(json, "{s:i, s:i}", "columns", &columns, "rows", &rows) == 0 && columns > 0 && rows > 0 &&
		   columns <= SIZE_MAX_CELLS && rows <= SIZE_MAX_CELLS) {
		const struct winsize window = { .ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows };
		if (attach->streams[STREAM_OUTPUT].fd != -1)
			(void)ioctl(attach->streams[STREAM_OUTPUT].fd, TIOCSWINSZ, &window);
	} else if (strcmp(type, "signal") == 0 && json_object_size(json) == 2 &&
		   json_unpack(json, "{s:i}", "signal", &number) == 0 && number > 0 && number < NSIG) {
		if (attach->pid > 0)
			(void)kill(-attach->pid, number);
	} else {
		refuse(attach, "not a resize of a terminal, a signal or an end");
	}
}

static void message_came(wslay_event_context_ptr websocket, const struct wslay_event_on_msg_recv_arg *message, void *data)
{
	struct attach *attach = data;

	(void)websocket;
	if (attach->ending || attach->refused)
		return;
	switch (message->opcode) {
	case WSLAY_BINARY_FRAME:
		if (message->msg_length == 0 || message->msg[0] != STREAM_INPUT || attach->input_ends)
			refuse(attach, "a binary message begins with 0, and none comes behind an end");
		else
			input_add(attach, message->msg + 1, message->msg_length - 1);
		break;
	case WSLAY_TEXT_FRAME:
		control(attach, (const char *)message->msg, message->msg_length);
		break;
	default:
		break; /* pings are answered, a close is seen by the caller */
	}
}

static ssize_t socket_read(wslay_event_context_ptr websocket, uint8_t *buffer, size_t size, int flags, void *data)
{
	struct attach *attach = data;

	(void)flags;
	/* What it sends waits in the connection while the command does not take what came before. */
	ssize_t n = attach->input_size > 0 ? -1 : read(attach->socket, buffer, size);
	if (n > 0) {
		attach->heard_ms = clock_ms();
		return n;
	}
	bool later = attach->input_size > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR));
	wslay_event_set_error(websocket, later ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static ssize_t socket_write(wslay_event_context_ptr websocket, const uint8_t *bytes, size_t size, int flags, void *data)
{
	struct attach *attach = data;

	(void)flags;
	ssize_t n = send(attach->socket, bytes, size, MSG_NOSIGNAL);
	if (n == -1)
		wslay_event_set_error(websocket, errno == EAGAIN || errno == EINTR ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return n;
}

/* Sends what can be sent; sees if that was all of it. */
static void flush(struct attach *attach)
{
	if (wslay_event_send(attach->websocket) != 0)
		attach->failed = true;
	/* libwslay lets a close overtake all else, so it comes when that is gone. */
	if (attach->ending && !attach->closing && !wslay_event_want_write(attach->websocket)) {
		attach->closing = true;
		if (wslay_event_queue_close(attach->websocket, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0) != 0 ||
		    wslay_event_send(attach->websocket) != 0)
			attach->failed = true;
	}
	/* A close is sent, or answered, before it counts. */
	bool closed = !wslay_event_want_write(attach->websocket) &&
		      (wslay_event_get_close_received(attach->websocket) || wslay_event_get_close_sent(attach->websocket));
	if (attach->failed || closed)
		gone(attach);
	else
		interest_set(attach);
}

static void socket_ready(int fd, uint32_t events, void *data)
{
	struct attach *attach = data;

	(void)fd;
	if ((events & (EPOLLHUP | EPOLLERR)) != 0 ||
	    ((events & EPOLLIN) != 0 && wslay_event_recv(attach->websocket) != 0))
		attach->failed = true;
	input_write(attach);
	flush(attach);
}

/* One block. False: nothing there, or the end. */
static bool output_take(struct stream *stream)
{
	static uint8_t block[1 + BLOCK];

	ssize_t n = read(stream->fd, block + 1, BLOCK);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) { /* EIO: nobody has the terminal open */
		stream_close(stream);
		return false;
	}
	block[0] = (uint8_t)stream->number;
	message_queue(stream->attach, WSLAY_BINARY_FRAME, block, 1 + (size_t)n);
	return true;
}

static void stream_ready(int fd, uint32_t events, void *data)
{
	struct stream *stream = data;
	struct attach *attach = stream->attach;

	(void)fd;
	if (stream->number == STREAM_INPUT || (events & EPOLLOUT) != 0)
		input_write(attach);
	if (stream->number != STREAM_INPUT && stream->fd != -1 && !queue_full(attach))
		output_take(stream);
	flush(attach);
}

static void tick(void *data)
{
	struct attach *attach = data;
	struct error err = ERROR_INIT;

	if (attach->input_size > 0) /* it is us who do not listen */
		attach->heard_ms = clock_ms();
	if (attach->ending || clock_ms() - attach->heard_ms > SILENCE_MS) {
		gone(attach);
		return;
	}
	message_queue(attach, WSLAY_PING, NULL, 0);
	if (loop_set_timer(attach->timer, PING_MS, &err) == -1)
		attach->failed = true;
	flush(attach);
}

struct attach *attach_new(struct loop *loop, int socket, attach_gone_cb *gone_cb, void *data, struct error *err)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = socket_read, .send_callback = socket_write, .on_msg_recv_callback = message_came,
	};
	struct attach *attach = calloc(1, sizeof *attach);

	if (attach == NULL || wslay_event_context_server_init(&attach->websocket, &callbacks, attach) != 0) {
		free(attach);
		close(socket);
		error_set(err, ENOMEM, "no memory for a connection to a command");
		return NULL;
	}
	wslay_event_config_set_max_recv_msg_length(attach->websocket, MESSAGE_MAX);
	attach->loop = loop;
	attach->gone = gone_cb;
	attach->data = data;
	attach->socket = socket;
	attach->heard_ms = clock_ms();
	for (int i = 0; i < STREAMS; i++)
		attach->streams[i] = (struct stream){ .attach = attach, .number = (enum stream_number)i, .fd = -1 };
	if (fcntl(socket, F_SETFL, O_NONBLOCK) == -1)
		error_errno(err, "cannot take a connection to a command over");
	else
		attach->source = loop_add_fd(loop, socket, 0, socket_ready, attach, err);
	if (attach->source != NULL)
		attach->timer = loop_add_timer(loop, PING_MS, tick, attach, err);
	if (attach->timer == NULL) {
		attach_free(attach);
		return NULL;
	}
	return attach;
}

void attach_free(struct attach *attach)
{
	if (attach == NULL)
		return;
	for (size_t i = 0; i < STREAMS; i++)
		stream_close(&attach->streams[i]);
	loop_remove(attach->source);
	loop_remove(attach->timer);
	wslay_event_context_free(attach->websocket);
	close(attach->socket);
	free(attach->input);
	free(attach);
}

int attach_begin(struct attach *attach, const int *fds, size_t count, pid_t pid, struct error *err)
{
	attach->pid = pid;
	attach->terminal = count == 1;
	for (size_t i = 0; i < count; i++) {
		struct stream *stream = &attach->streams[attach->terminal ? STREAM_OUTPUT : i];
		stream->fd = fds[i];
		if (fcntl(stream->fd, F_SETFL, O_NONBLOCK) == -1)
			return error_errno(err, "cannot read the output of a command");
		stream->source = loop_add_fd(attach->loop, stream->fd, 0, stream_ready, stream, err);
		if (stream->source == NULL)
			return -1;
	}
	return interest_set(attach) ? 0 : error_set(err, EPIPE, "the client has gone");
}

static void end_queue(struct attach *attach, int status, const struct error *failure)
{
	json_t *json = failure->code != 0
		? json_pack("{s:s, s:s, s:s}", "type", "error", "message", failure->message, "field", failure->field)
		: json_pack("{s:s, s:o, s:o}", "type", "exit", "exit_code",
			    WIFEXITED(status) ? json_integer(WEXITSTATUS(status)) : json_null(), "signal",
			    WIFSIGNALED(status) ? json_integer(WTERMSIG(status)) : json_null());
	cleanup_free char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

	json_decref(json);
	if (text == NULL)
		attach->failed = true;
	else
		message_queue(attach, WSLAY_TEXT_FRAME, text, strlen(text));
}

void attach_end(struct attach *attach, int status, const struct error *failure, attach_gone_cb *done)
{
	struct error err = ERROR_INIT;

	if (attach->gone == NULL) { /* before the command ended */
		done(attach->data);
		return;
	}
	for (size_t i = STREAM_OUTPUT; i < STREAMS; i++)
		for (int n = 0; n < BLOCKS_AT_END && attach->streams[i].fd != -1 && output_take(&attach->streams[i]); n++)
			;
	attach->gone = done;
	attach->ending = true;
	for (size_t i = 0; i < STREAMS; i++)
		stream_close(&attach->streams[i]);
	free(attach->input);
	attach->input = NULL;
	attach->input_size = attach->input_taken = 0;
	end_queue(attach, status, failure);
	if (loop_set_timer(attach->timer, CLOSE_MS, &err) == -1)
		attach->failed = true;
	flush(attach);
}
