/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/names/upstream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

#define RESOLV_PATH "/etc/resolv.conf"

enum {
	TRY_MS = 2000,  /* the first time a server is asked; then longer */
	TRIES = 2,      /* of each server: whoever asks us tries again, too */
	LOOK_MS = 2000, /* between two looks at resolv.conf */
};

/* One of c-ares' sockets in the loop. */
struct watch {
	struct watch *next;
	ares_socket_t fd;
	struct loop_source *source;
};

static struct {
	ares_channel_t *channel;
	struct loop *loop;
	struct loop_source *timer;
	struct watch *watches;
	int64_t looked_ms;
	struct timespec changed; /* resolv.conf, as it was read */
} self;

static void timer_set(void)
{
	struct error err = ERROR_INIT;
	struct timeval left;
	const struct timeval *next = ares_timeout(self.channel, NULL, &left);

	if (loop_set_timer(self.timer, next == NULL ? -1 : (int64_t)next->tv_sec * 1000 + next->tv_usec / 1000 + 1, &err) == -1)
		log_error("%s", err.message);
}

static void on_time(void *data)
{
	(void)data;
	ares_process_fd(self.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	timer_set();
}

static void on_socket(int fd, uint32_t events, void *data)
{
	(void)data;
	ares_process_fd(self.channel, (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 ? fd : ARES_SOCKET_BAD,
			(events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
	timer_set();
}

/* Neither: c-ares is about to close it. */
static void socket_changed(void *data, ares_socket_t fd, int readable, int writable)
{
	uint32_t events = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U);
	struct error err = ERROR_INIT;
	struct watch **link = &self.watches;

	(void)data;
	while (*link != NULL && (*link)->fd != fd)
		link = &(*link)->next;
	struct watch *watch = *link;
	if (events == 0 && watch != NULL) {
		*link = watch->next;
		loop_remove(watch->source);
		free(watch);
	} else if (events != 0 && watch != NULL) {
		if (loop_modify_fd(watch->source, events, &err) == -1)
			log_error("%s", err.message);
	} else if (events != 0) {
		watch = calloc(1, sizeof *watch);
		struct loop_source *source = watch == NULL ? NULL : loop_add_fd(self.loop, fd, events, on_socket, NULL, &err);
		if (source == NULL) { /* its question ends by time */
			log_error("a resolver's socket cannot be watched: %s", watch == NULL ? "no memory" : err.message);
			free(watch);
			return;
		}
		*watch = (struct watch){ .next = self.watches, .fd = fd, .source = source };
		self.watches = watch;
	}
}

static bool resolv_changed(void)
{
	struct stat status;

	if (stat(RESOLV_PATH, &status) == -1 ||
	    (status.st_mtim.tv_sec == self.changed.tv_sec && status.st_mtim.tv_nsec == self.changed.tv_nsec))
		return false;
	self.changed = status.st_mtim;
	return true;
}

int upstream_init(struct loop *loop, struct error *err)
{
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS,
		.timeout = TRY_MS, .tries = TRIES, .sock_state_cb = socket_changed, .qcache_max_ttl = 0,
	};

	self.loop = loop;
	self.timer = loop_add_timer(loop, -1, on_time, NULL, err);
	if (self.timer == NULL)
		return -1;
	(void)resolv_changed();
	int code = ares_library_init(ARES_LIB_INIT_ALL);
	if (code == ARES_SUCCESS)
		code = ares_init_options(&self.channel, &options, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
								  ARES_OPT_QUERY_CACHE);
	return code == ARES_SUCCESS ? 0 : error_set(err, EIO, "cannot start resolving names: %s", ares_strerror(code));
}

void upstream_ask(const ares_dns_record_t *query, ares_callback_dnsrec cb, void *data)
{
	int64_t now = clock_ms();

	if (now - self.looked_ms >= LOOK_MS) {
		self.looked_ms = now;
		if (resolv_changed() && ares_reinit(self.channel) != ARES_SUCCESS)
			log_error("the resolvers of " RESOLV_PATH " cannot be taken over; those of before are asked");
	}
	(void)ares_send_dnsrec(self.channel, query, cb, data, NULL); /* what fails is told by cb */
	timer_set();
}
