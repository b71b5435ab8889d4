/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/reporter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/record.h"

enum {
	WAITING_MAX = 4096,
	AGAIN_MS = 500,
	TICK_MS = 100,
};

struct waiting {
	struct waiting *next;
	uint64_t ack;
	int64_t again_ms, until_ms;
	reporter_cb *cb;
	void *data;
	size_t size;
	char line[];
};

static struct {
	int fd;
	struct loop *loop;
	struct loop_source *timer;
	struct waiting *first, **last;
	size_t count;
	uint64_t ack;
} self = { .fd = -1, .last = &self.first };

int reporter_connect(struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = RECORD_SOCKET };

	self.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* A name of the kernel's choice, to be answered at (unix(7), autobind). */
	if (self.fd == -1 || bind(self.fd, (const struct sockaddr *)&address, sizeof address.sun_family) == -1 ||
	    connect(self.fd, (const struct sockaddr *)&address, sizeof address) == -1)
		return error_errno(err, "cannot reach the audit log at %s", RECORD_SOCKET);
	return 0;
}

static void waiting_end(struct waiting **link, int code)
{
	struct waiting *waiting = *link;

	*link = waiting->next;
	if (self.last == &waiting->next)
		self.last = link;
	self.count--;
	waiting->cb(code, waiting->data);
	free(waiting);
}

static void on_answer(int fd, uint32_t events, void *data)
{
	char text[64];
	ssize_t size;

	(void)events;
	(void)data;
	while ((size = recv(fd, text, sizeof text - 1, MSG_DONTWAIT)) >= 0) {
		unsigned long long ack;
		int code;
		text[size] = '\0';
		if (sscanf(text, "%llu %d", &ack, &code) != 2)
			continue;
		/* Answers come in the order of questions, but for what was asked again: the first is nearly always the one. */
		for (struct waiting **link = &self.first; *link != NULL; link = &(*link)->next) {
			if ((*link)->ack == ack) {
				waiting_end(link, code);
				break;
			}
		}
	}
}

static void timer_set(void)
{
	struct error err = ERROR_INIT;

	if (loop_set_timer(self.timer, self.count > 0 ? TICK_MS : -1, &err) == -1)
		log_error("%s", err.message);
}

static void on_tick(void *data)
{
	int64_t now = clock_ms();

	(void)data;
	for (struct waiting **link = &self.first; *link != NULL;) {
		struct waiting *waiting = *link;
		if (now >= waiting->until_ms) {
			waiting_end(link, ETIMEDOUT);
			link = &self.first; /* its callback may have asked */
			continue;
		}
		if (now >= waiting->again_ms) {
			waiting->again_ms = now + AGAIN_MS;
			(void)send(self.fd, waiting->line, waiting->size, MSG_DONTWAIT | MSG_NOSIGNAL);
		}
		link = &waiting->next;
	}
	timer_set();
}

int reporter_open(struct loop *loop, struct error *err)
{
	self.loop = loop;
	self.timer = loop_add_timer(loop, -1, on_tick, NULL, err);
	if (self.timer == NULL || loop_add_fd(loop, self.fd, EPOLLIN, on_answer, NULL, err) == NULL)
		return -1;
	return 0;
}

int reporter_tell(const struct record *record, struct error *err)
{
	static char line[RECORD_LINE_MAX + 1];
	size_t size = record_print(record, line, sizeof line);

	if (size == 0)
		return error_set(err, EMSGSIZE, "a record is too long");
	if (send(self.fd, line, size, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		return error_errno(err, "the audit log does not take a record");
	return 0;
}

int reporter_ask(struct record *record, int64_t wait_ms, reporter_cb *cb, void *data, struct error *err)
{
	static char line[RECORD_LINE_MAX + 1];
	size_t size;

	if (self.count == WAITING_MAX)
		return error_set(err, ENOBUFS, "too many records wait for the audit log");
	record->ack = ++self.ack;
	/* As it is sent again: what it was sent first is one letter shorter. */
	record->again = true;
	size = record_print(record, line, sizeof line);
	struct waiting *waiting = size == 0 ? NULL : malloc(sizeof *waiting + size);
	if (waiting == NULL)
		return error_set(err, size == 0 ? EMSGSIZE : ENOMEM, "no room for a record");
	*waiting = (struct waiting){ .ack = record->ack, .again_ms = clock_ms() + AGAIN_MS, .until_ms = clock_ms() + wait_ms, .cb = cb, .data = data, .size = size };
	memcpy(waiting->line, line, size);
	record->again = false;
	size = record_print(record, line, sizeof line);
	/* A full socket: it is asked again. */
	if (send(self.fd, line, size, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		waiting->again_ms = clock_ms() + TICK_MS;
	*self.last = waiting;
	self.last = &waiting->next;
	if (self.count++ == 0)
		timer_set();
	return 0;
}
