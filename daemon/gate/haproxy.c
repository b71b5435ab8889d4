/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/haproxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum {
	RECONNECT_MS = 200,
	ATTEMPTS_QUIET = 25,   /* 5 s */
	ANSWER_MS = 5000,      /* without an answer for this long the connection is given up */
	ANSWER_MAX = 16 * 1024,
};

struct command {
	struct command *next;
	haproxy_answer_cb *cb;
	void *data;
	size_t size, sent;
	char text[];
};

struct haproxy {
	struct loop *loop;
	struct loop_source *source, *timer; /* timer: connect again, or wait for an answer */
	struct sockaddr_un address;
	struct haproxy_events events;
	int fd;               /* -1: not connected */
	bool greeted;         /* prompt mode is on */
	int attempts;         /* without success, in a row */
	struct command *first, **last;
	char answer[ANSWER_MAX];
	size_t answer_size;
};

bool haproxy_answer_complete(char *text, char **ret_answer)
{
	size_t size = strlen(text);

	/* Every answer, also an empty one, ends with newline, prompt. */
	if (size < 3 || strcmp(text + size - 3, "\n> ") != 0)
		return false;
	size -= 3;
	while (size > 0 && text[size - 1] == '\n')
		size--;
	text[size] = '\0';
	while (strncmp(text, "+ ", 2) == 0)
		text += 2;
	*ret_answer = text;
	return true;
}

static void timer_set(struct haproxy *haproxy, int64_t ms)
{
	struct error err = ERROR_INIT;

	if (loop_set_timer(haproxy->timer, ms, &err) == -1)
		log_error("%s", err.message);
}

static void command_free(struct command *command)
{
	explicit_bzero(command->text, command->size);
	free(command);
}

static void haproxy_close(struct haproxy *haproxy)
{
	struct command *lost = haproxy->first;

	if (haproxy->fd == -1)
		return;
	loop_remove(haproxy->source);
	haproxy->source = NULL;
	close(haproxy->fd);
	haproxy->fd = -1;
	haproxy->first = NULL;
	haproxy->last = &haproxy->first;
	haproxy->answer_size = 0;
	while (lost != NULL) {
		struct command *next = lost->next;
		if (lost->cb != NULL)
			lost->cb(NULL, lost->data);
		command_free(lost);
		lost = next;
	}
	if (haproxy->greeted)
		haproxy->events.disconnected(haproxy->events.data);
	haproxy->greeted = false;
	timer_set(haproxy, RECONNECT_MS);
}

/* Sends the rest of the first command; true if the connection still stands. */
static bool haproxy_flush(struct haproxy *haproxy)
{
	struct command *command = haproxy->first;
	struct error err = ERROR_INIT;
	uint32_t events = EPOLLIN;

	while (command != NULL && command->sent < command->size) {
		ssize_t n = send(haproxy->fd, command->text + command->sent, command->size - command->sent,
				 MSG_NOSIGNAL);
		if (n >= 0) {
			command->sent += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) {
			haproxy_close(haproxy);
			return false;
		}
		events |= EPOLLOUT;
		break;
	}
	if (loop_modify_fd(haproxy->source, events, &err) == -1) {
		log_error("%s", err.message);
		haproxy_close(haproxy);
		return false;
	}
	timer_set(haproxy, command != NULL ? ANSWER_MS : -1);
	return true;
}

static void haproxy_greeted(const char *answer, void *data)
{
	struct haproxy *haproxy = data;

	if (answer == NULL)
		return;
	haproxy->greeted = true;
	haproxy->attempts = 0;
	haproxy->events.connected(haproxy->events.data);
}

/* Handles one whole answer if there is one; false if the connection is gone. */
static bool haproxy_answered(struct haproxy *haproxy)
{
	struct command *command = haproxy->first;
	char *answer;

	if (command == NULL || !haproxy_answer_complete(haproxy->answer, &answer))
		return true;
	haproxy->first = command->next;
	if (haproxy->first == NULL)
		haproxy->last = &haproxy->first;
	haproxy->answer_size = 0;
	if (command->cb != NULL)
		command->cb(answer, command->data);
	command_free(command);
	return haproxy->fd != -1 && haproxy_flush(haproxy);
}

static void haproxy_ready(int fd, uint32_t events, void *data)
{
	struct haproxy *haproxy = data;

	if ((events & EPOLLOUT) != 0 && !haproxy_flush(haproxy))
		return;
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
		return;
	size_t room = sizeof haproxy->answer - 1 - haproxy->answer_size;
	ssize_t n = recv(fd, haproxy->answer + haproxy->answer_size, room, 0);
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		if (n == 0 && room == 0)
			log_warning("HAProxy gave an answer beyond %d bytes; connecting anew", ANSWER_MAX);
		haproxy_close(haproxy);
		return;
	}
	haproxy->answer_size += (size_t)n;
	haproxy->answer[haproxy->answer_size] = '\0';
	haproxy_answered(haproxy);
}

static void haproxy_connect(struct haproxy *haproxy)
{
	struct error err = ERROR_INIT;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1 || connect(fd, (struct sockaddr *)&haproxy->address, sizeof haproxy->address) == -1) {
		bool absent = errno == ENOENT || errno == ECONNREFUSED;
		/* At boot both start at the same time: nothing to tell yet. */
		if (++haproxy->attempts == ATTEMPTS_QUIET)
			log_warning("cannot reach HAProxy at %s: %s; trying until it answers",
				    haproxy->address.sun_path, strerror(errno));
		if (fd != -1)
			close(fd);
		if (absent)
			haproxy->events.absent(haproxy->events.data);
		timer_set(haproxy, RECONNECT_MS);
		return;
	}
	haproxy->source = loop_add_fd(haproxy->loop, fd, EPOLLIN, haproxy_ready, haproxy, &err);
	if (haproxy->source == NULL) {
		log_error("%s", err.message);
		close(fd);
		timer_set(haproxy, RECONNECT_MS);
		return;
	}
	haproxy->fd = fd;
	if (haproxy_command(haproxy, "prompt\n", haproxy_greeted, haproxy, &err) == -1) {
		log_error("%s", err.message);
		haproxy_close(haproxy);
	}
}

static void haproxy_timer(void *data)
{
	struct haproxy *haproxy = data;

	if (haproxy->fd == -1) {
		haproxy_connect(haproxy);
	} else if (haproxy->first != NULL) {
		log_error("HAProxy did not answer within %d ms; connecting anew", ANSWER_MS);
		haproxy_close(haproxy);
	}
}

struct haproxy *haproxy_new(struct loop *loop, const char *path, const struct haproxy_events *events,
			    struct error *err)
{
	struct haproxy *haproxy = calloc(1, sizeof *haproxy);

	if (haproxy == NULL) {
		error_set(err, ENOMEM, "no memory for the connection to HAProxy");
		return NULL;
	}
	haproxy->loop = loop;
	haproxy->fd = -1;
	haproxy->last = &haproxy->first;
	haproxy->events = *events;
	haproxy->address.sun_family = AF_UNIX;
	snprintf(haproxy->address.sun_path, sizeof haproxy->address.sun_path, "%s", path);
	haproxy->timer = loop_add_timer(loop, -1, haproxy_timer, haproxy, err);
	if (haproxy->timer == NULL) {
		free(haproxy);
		return NULL;
	}
	return haproxy;
}

void haproxy_open(struct haproxy *haproxy)
{
	haproxy_connect(haproxy);
}

bool haproxy_connected(const struct haproxy *haproxy)
{
	return haproxy->greeted;
}

int haproxy_command(struct haproxy *haproxy, const char *text, haproxy_answer_cb *cb, void *data, struct error *err)
{
	size_t size = strlen(text);

	if (haproxy->fd == -1)
		return error_set(err, ENOTCONN, "HAProxy is not connected");
	struct command *command = malloc(sizeof *command + size + 1);
	if (command == NULL)
		return error_set(err, ENOMEM, "no memory for a command to HAProxy");
	*command = (struct command){ .cb = cb, .data = data, .size = size };
	memcpy(command->text, text, size + 1);
	bool idle = haproxy->first == NULL;
	*haproxy->last = command;
	haproxy->last = &command->next;
	/* A lost connection is told through cb, like one lost later. */
	if (idle)
		haproxy_flush(haproxy);
	return 0;
}
