/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/lease.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/gate/haproxy.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

#define ADMIN_SOCKET "/run/haproxy/admin.sock"
/* Most streams have ended before they are asked for. */
#define QUESTION "show info;show sess older 1s\n"

enum {
	LEASES_MAX = 65536,
	SLOTS = 2 * LEASES_MAX,  /* a power of two */
	TICK_MS = 500,
	SWEEP_MS = 30000,        /* between two looks at what has ended by itself */
	YOUNG_MS = 3000,         /* it may not be in an answer yet */
	ANSWER_MS = 10000,
	LINE_MAX_TEXT = 1024,
};

struct lease {
	uint32_t stream;
	bool used, seen;
	int64_t until_ms;        /* since 1970 */
	int64_t added_ms;        /* on the monotonic clock */
};

static struct {
	struct loop *loop;
	struct haproxy *haproxy;
	struct loop_source *timer, *source;
	int fd;                  /* -1: nothing is asked at the moment */
	int64_t asked_ms;
	struct lease *table;     /* owned; SLOTS, open addressing */
	size_t count;
	uint32_t process;        /* of HAProxy, whose streams these are */
	bool other;              /* the answer is another process's */
	char line[LINE_MAX_TEXT];
	size_t size;
} self = { .fd = -1 };

static struct lease *slot_of(struct lease *table, uint32_t stream)
{
	size_t at = stream * UINT32_C(2654435761) % SLOTS;

	while (table[at].used && table[at].stream != stream)
		at = (at + 1) % SLOTS;
	return &table[at];
}

static void clear(void)
{
	if (self.table != NULL)
		memset(self.table, 0, SLOTS * sizeof *self.table);
	self.count = 0;
}

static void timer_set(int64_t ms)
{
	struct error err = ERROR_INIT;

	if (loop_set_timer(self.timer, ms, &err) == -1)
		log_error("%s", err.message);
}

static void ask(void);

bool lease_add(uint32_t process, uint32_t stream, int64_t until_ms)
{
	if (self.table == NULL)
		self.table = calloc(SLOTS, sizeof *self.table);
	if (self.table == NULL)
		return false;
	if (process != self.process)
		clear(); /* those of a process that has ended */
	self.process = process;
	if (self.count == LEASES_MAX) {
		ask();
		return false;
	}
	if (self.count == 0)
		timer_set(TICK_MS);
	struct lease *lease = slot_of(self.table, stream);
	self.count += !lease->used;
	*lease = (struct lease){ .stream = stream, .used = true, .until_ms = until_ms, .added_ms = clock_ms() };
	return true;
}

/* -- what is open -- */

bool lease_line(const char *line, unsigned long long *ret_address, uint32_t *ret_stream)
{
	return strncmp(line, "0x", 2) == 0 && sscanf(line, "0x%llx: [%*[^]]] id=%u ", ret_address, ret_stream) == 2;
}

static void line_take(const char *line)
{
	unsigned long long address;
	struct error err = ERROR_INIT;
	uint32_t stream, process;
	char command[64];

	if (sscanf(line, "Pid: %u", &process) == 1 && process != self.process) {
		self.other = true;
		clear();
	}
	if (self.count == 0 || !lease_line(line, &address, &stream))
		return;
	struct lease *lease = slot_of(self.table, stream);
	if (!lease->used)
		return;
	lease->seen = true;
	if (lease->until_ms > (int64_t)time(NULL) * 1000)
		return;
	snprintf(command, sizeof command, "shutdown session 0x%llx\n", address);
	if (haproxy_command(self.haproxy, command, NULL, NULL, &err) == -1)
		log_warning("a stream whose time is over goes on for now: %s", err.message);
}

/* What was not seen has ended. */
static void ended_drop(void)
{
	struct lease *kept = calloc(SLOTS, sizeof *kept);

	if (kept == NULL || self.table == NULL) {
		free(kept);
		return; /* the next time */
	}
	self.count = 0;
	for (size_t i = 0; i < SLOTS; i++) {
		struct lease *lease = &self.table[i];
		if (!lease->used || (!lease->seen && lease->added_ms < self.asked_ms - YOUNG_MS))
			continue;
		lease->seen = false;
		*slot_of(kept, lease->stream) = *lease;
		self.count++;
	}
	free(self.table);
	self.table = kept;
}

static void asked_end(bool whole)
{
	loop_remove(self.source);
	close(self.fd);
	self.fd = -1;
	self.size = 0;
	if (whole && !self.other)
		ended_drop();
	self.other = false;
}

static void on_answer(int fd, uint32_t events, void *data)
{
	char block[16384];
	ssize_t size = recv(fd, block, sizeof block, MSG_DONTWAIT);

	(void)events;
	(void)data;
	if (size == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size <= 0) {
		asked_end(size == 0);
		return;
	}
	for (ssize_t i = 0; i < size; i++) {
		if (block[i] == '\n') {
			self.line[self.size] = '\0';
			line_take(self.line);
			self.size = 0;
		} else if (self.size < sizeof self.line - 1) {
			self.line[self.size++] = block[i]; /* what we look for is at the beginning of a line */
		}
	}
}

static void ask(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = ADMIN_SOCKET };
	struct error err = ERROR_INIT;

	if (self.fd != -1)
		return;
	self.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	self.source = NULL;
	if (self.fd != -1 && connect(self.fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
	    send(self.fd, QUESTION, sizeof QUESTION - 1, MSG_NOSIGNAL) == (ssize_t)sizeof QUESTION - 1)
		self.source = loop_add_fd(self.loop, self.fd, EPOLLIN, on_answer, NULL, &err);
	self.asked_ms = clock_ms();
	if (self.source == NULL && self.fd != -1) { /* HAProxy is away: at the next tick */
		close(self.fd);
		self.fd = -1;
	}
}

static bool any_over(void)
{
	int64_t now = (int64_t)time(NULL) * 1000;

	for (size_t i = 0; i < SLOTS; i++)
		if (self.table[i].used && self.table[i].until_ms <= now)
			return true;
	return false;
}

static void on_tick(void *data)
{
	int64_t since = clock_ms() - self.asked_ms;

	(void)data;
	if (self.fd != -1 && since > ANSWER_MS)
		asked_end(false);
	if (self.count > 0 && (any_over() || since > SWEEP_MS || self.count > LEASES_MAX / 2))
		ask();
	if (self.count > 0 || self.fd != -1)
		timer_set(TICK_MS);
}

int lease_init(struct loop *loop, struct haproxy *haproxy, struct error *err)
{
	self.loop = loop;
	self.haproxy = haproxy;
	self.timer = loop_add_timer(loop, -1, on_tick, NULL, err);
	return self.timer == NULL ? -1 : 0;
}
