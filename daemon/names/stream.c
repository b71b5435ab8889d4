/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/names/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/names/question.h"

enum {
	CONNECTIONS_MAX = 256,
	CONNECTIONS_OF_ONE = 8, /* of one container */
	IDLE_MS = 10000,        /* for the next question, and for taking an answer */
	HEAD = 2,               /* bytes: the length of what follows */
};

struct connection {
	struct connection *next;
	struct in6_addr from;
	int fd;
	struct loop_source *source, *timer;
	uint8_t in[HEAD + QUESTION_MAX];
	size_t in_size;
	uint8_t *out; /* an answer that is not all sent; NULL: none */
	size_t out_size, out_sent;
	bool asked;   /* its question is under way: it stays until that ends */
	bool gone;
};

static struct {
	struct loop *loop;
	struct connection *list;
} self;

static void connection_close(struct connection *connection)
{
	loop_remove(connection->source);
	loop_remove(connection->timer);
	connection->source = connection->timer = NULL;
	if (connection->fd != -1)
		close(connection->fd);
	connection->fd = -1;
	connection->gone = true;
	if (connection->asked)
		return;
	struct connection **link = &self.list;
	while (*link != connection)
		link = &(*link)->next;
	*link = connection->next;
	free(connection->out);
	free(connection);
}

static void idle(void *data)
{
	struct connection *connection = data;
	struct error err = ERROR_INIT;

	if (!connection->asked)
		connection_close(connection);
	else if (loop_set_timer(connection->timer, IDLE_MS, &err) == -1)
		log_error("%s", err.message);
}

static bool watch(struct connection *connection, uint32_t events)
{
	struct error err = ERROR_INIT;

	return loop_modify_fd(connection->source, events, &err) == 0 && loop_set_timer(connection->timer, IDLE_MS, &err) == 0;
}

static void question_next(struct connection *connection);

/* False: the connection is gone. */
static bool out_send(struct connection *connection)
{
	while (connection->out_sent < connection->out_size) {
		ssize_t n = send(connection->fd, connection->out + connection->out_sent, connection->out_size - connection->out_sent, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN && watch(connection, EPOLLOUT))
			return true;
		if (n == -1) {
			connection_close(connection);
			return false;
		}
		connection->out_sent += (size_t)n;
	}
	free(connection->out);
	connection->out = NULL;
	if (watch(connection, EPOLLIN))
		return true;
	connection_close(connection);
	return false;
}

static void answered(const uint8_t *answer, size_t size, void *data)
{
	struct connection *connection = data;
	uint16_t head = htons((uint16_t)size);

	connection->asked = false;
	connection->out = connection->gone || size == 0 || size > UINT16_MAX ? NULL : malloc(HEAD + size);
	if (connection->out == NULL) {
		connection_close(connection);
		return;
	}
	memcpy(connection->out, &head, HEAD);
	memcpy(connection->out + HEAD, answer, size);
	connection->out_size = HEAD + size;
	connection->out_sent = 0;
	if (out_send(connection) && connection->out == NULL)
		question_next(connection);
}

/* If a whole one has come. */
static void question_next(struct connection *connection)
{
	uint8_t question[QUESTION_MAX];
	uint16_t head;

	if (connection->in_size < HEAD)
		return;
	memcpy(&head, connection->in, HEAD);
	size_t size = ntohs(head);
	if (size > QUESTION_MAX) {
		connection_close(connection);
		return;
	}
	if (connection->in_size < HEAD + size)
		return;
	memcpy(question, connection->in + HEAD, size);
	connection->in_size -= HEAD + size;
	memmove(connection->in, connection->in + HEAD + size, connection->in_size);
	connection->asked = true;
	/* Who hangs up is noticed when its answer is sent. */
	if (watch(connection, 0))
		question_take(&connection->from, question, size, true, answered, connection);
	else
		answered(NULL, 0, connection);
}

static void on_connection(int fd, uint32_t events, void *data)
{
	struct connection *connection = data;

	if (connection->out != NULL && (events & EPOLLOUT) != 0) {
		if (out_send(connection) && connection->out == NULL)
			question_next(connection);
		return;
	}
	ssize_t n = connection->asked || connection->out != NULL
			    ? -1 : recv(fd, connection->in + connection->in_size, sizeof connection->in - connection->in_size, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR) && (events & (EPOLLERR | EPOLLHUP)) == 0)
		return;
	if (n <= 0) {
		connection_close(connection);
		return;
	}
	connection->in_size += (size_t)n;
	question_next(connection);
}

static bool has_room(const struct in6_addr *from)
{
	size_t all = 0, own = 0;

	for (const struct connection *connection = self.list; connection != NULL; connection = connection->next) {
		all++;
		own += IN6_ARE_ADDR_EQUAL(&connection->from, from);
	}
	return all < CONNECTIONS_MAX && own < CONNECTIONS_OF_ONE;
}

static void on_listener(int fd, uint32_t events, void *data)
{
	struct sockaddr_in6 from;
	socklen_t length = sizeof from;
	struct error err = ERROR_INIT;

	(void)events;
	(void)data;
	int accepted = accept4(fd, (struct sockaddr *)&from, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (accepted == -1)
		return;
	struct connection *connection = has_room(&from.sin6_addr) ? calloc(1, sizeof *connection) : NULL;
	if (connection == NULL) {
		close(accepted);
		return;
	}
	connection->from = from.sin6_addr;
	connection->fd = accepted;
	connection->next = self.list;
	self.list = connection;
	connection->source = loop_add_fd(self.loop, accepted, EPOLLIN, on_connection, connection, &err);
	connection->timer = connection->source == NULL ? NULL : loop_add_timer(self.loop, IDLE_MS, idle, connection, &err);
	if (connection->timer == NULL) {
		log_error("%s", err.message);
		connection_close(connection);
	}
}

int stream_init(struct loop *loop, int listener, struct error *err)
{
	self.loop = loop;
	return loop_add_fd(loop, listener, EPOLLIN, on_listener, NULL, err) == NULL ? -1 : 0;
}
