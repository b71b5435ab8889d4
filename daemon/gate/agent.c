/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/gate/asking.h"
#include "daemon/gate/spop.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum {
	CONNECTIONS_MAX = 256,
	OUTPUT_MAX = 1 << 20, /* of a connection that does not read */
};

struct connection {
	struct connection *next;
	struct loop_source *source;
	int fd;
	size_t size;
	uint8_t input[SPOP_LENGTH + SPOP_FRAME_MAX];
	uint8_t *output; /* owned: what the socket did not take */
	size_t output_size, output_room;
	bool greeted;
};

static struct {
	struct loop *loop;
	struct connection *connections;
	size_t count;
} self;

/* -- connections -- */

static void connection_close(struct connection *connection)
{
	struct connection **link = &self.connections;

	while (*link != connection)
		link = &(*link)->next;
	*link = connection->next;
	self.count--;
	asking_forget(connection);
	loop_remove(connection->source);
	close(connection->fd);
	explicit_bzero(connection->input, sizeof connection->input);
	free(connection->output);
	free(connection);
}

/* False: the connection is gone. */
static bool connection_flush(struct connection *connection)
{
	struct error err = ERROR_INIT;
	size_t sent = 0;

	while (sent < connection->output_size) {
		ssize_t n = send(connection->fd, connection->output + sent, connection->output_size - sent, MSG_NOSIGNAL);
		if (n >= 0) {
			sent += (size_t)n;
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			connection_close(connection);
			return false;
		}
	}
	connection->output_size -= sent;
	if (connection->output_size > 0)
		memmove(connection->output, connection->output + sent, connection->output_size);
	if (loop_modify_fd(connection->source, EPOLLIN | (connection->output_size > 0 ? EPOLLOUT : 0), &err) == -1) {
		connection_close(connection);
		return false;
	}
	return true;
}

bool agent_send(struct connection *connection, const uint8_t *bytes, size_t size)
{
	size_t wanted = connection->output_size + size;

	if (wanted > connection->output_room) {
		size_t room = wanted * 2;
		uint8_t *more = wanted > OUTPUT_MAX ? NULL : realloc(connection->output, room);
		if (more == NULL) {
			connection_close(connection);
			return false;
		}
		connection->output = more;
		connection->output_room = room;
	}
	memcpy(connection->output + connection->output_size, bytes, size);
	connection->output_size = wanted;
	return connection_flush(connection);
}

/* What does not fit is not answered: HAProxy refuses that request. */
bool agent_answer(struct connection *connection, struct spop_writer *writer)
{
	if (writer->failed)
		return true;
	spop_end(writer);
	bool stands = agent_send(connection, writer->bytes, writer->size);
	explicit_bzero(writer->bytes, writer->size);
	return stands;
}

/* -- the protocol -- */

static bool hello_answer(struct connection *connection, const struct spop_frame *frame)
{
	static struct spop_writer writer;

	connection->greeted = true;
	spop_begin(&writer, SPOP_AGENT_HELLO, frame->stream, frame->number);
	spop_pair_text(&writer, "version", "2.0");
	spop_pair_number(&writer, "max-frame-size", SPOP_FRAME_MAX);
	spop_pair_text(&writer, "capabilities", "pipelining");
	return agent_answer(connection, &writer);
}

/* False: the connection is gone. */
static bool frame_take(struct connection *connection, const uint8_t *bytes, size_t size)
{
	struct spop_frame frame;

	if (spop_frame_read(bytes, size, &frame)) {
		if (frame.type == SPOP_HAPROXY_HELLO)
			return hello_answer(connection, &frame);
		if (frame.type == SPOP_NOTIFY && connection->greeted && (frame.flags & SPOP_FLAG_FIN) != 0)
			return asking_take(connection, &frame);
	}
	/* It says goodbye, or what we do not understand: a new connection follows. */
	connection_close(connection);
	return false;
}

static void connection_ready(int fd, uint32_t events, void *data)
{
	struct connection *connection = data;
	size_t used = 0;

	if ((events & EPOLLOUT) != 0 && !connection_flush(connection))
		return;
	ssize_t n = recv(fd, connection->input + connection->size, sizeof connection->input - connection->size, 0);
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		connection_close(connection);
		return;
	}
	connection->size += (size_t)n;
	while (connection->size - used >= SPOP_LENGTH) {
		const uint8_t *at = connection->input + used;
		size_t size = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
		if (size > SPOP_FRAME_MAX) {
			connection_close(connection);
			return;
		}
		if (connection->size - used < SPOP_LENGTH + size)
			break;
		used += SPOP_LENGTH + size;
		if (!frame_take(connection, at + SPOP_LENGTH, size))
			return;
	}
	connection->size -= used;
	memmove(connection->input, connection->input + used, connection->size);
}

static void accept_ready(int fd, uint32_t events, void *data)
{
	struct error err = ERROR_INIT;
	int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	(void)data;
	if (accepted == -1)
		return;
	struct connection *connection = self.count < CONNECTIONS_MAX ? calloc(1, sizeof *connection) : NULL;
	if (connection != NULL) {
		connection->fd = accepted;
		connection->source = loop_add_fd(self.loop, accepted, EPOLLIN, connection_ready, connection, &err);
	}
	if (connection == NULL || connection->source == NULL) {
		log_error("a connection of HAProxy is refused: %s", connection == NULL ? "there are too many" : err.message);
		free(connection);
		close(accepted);
		return;
	}
	connection->next = self.connections;
	self.connections = connection;
	self.count++;
}

int agent_open(struct loop *loop, int listening, struct feed *feed, const struct rulebook *book, const bool *known, struct error *err)
{
	self.loop = loop;
	asking_init(feed, book, known);
	return loop_add_fd(loop, listening, EPOLLIN, accept_ready, NULL, err) == NULL ? -1 : 0;
}
