/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names: the resolver that containers ask, at addresses of the host that only they reach
 * (gateway.h). It reads what strangers send, has no right to anything, and knows of no
 * rule: what a container may ask for, and where it may go then, is the engine's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/sandbox.h"
#include "daemon/names/question.h"
#include "daemon/names/stream.h"
#include "daemon/names/upstream.h"
#include "daemon/roles.h"

enum { AT_ONCE = 64, EXPIRE_MS = 2000 };

static struct {
	struct loop *loop;
	struct channel *engine;
	struct loop_source *timer;
} self;

static void engine_says(struct channel *channel, struct message *message, void *data)
{
	(void)channel;
	(void)data;
	if (message->type == 0)
		loop_stop(self.loop, 1); /* the supervisor starts this role again */
	else if (message->type == MESSAGE_NAME_VERDICT || message->type == MESSAGE_RESULT)
		question_answered(message);
	else
		log_error("the engine sent a frame of type %u, which names does not take", message->type);
}

struct asker {
	struct sockaddr_in6 address;
	int fd; /* where it asked */
};

static void datagram_answer(const uint8_t *answer, size_t size, void *data)
{
	struct asker *asker = data;

	if (size > 0) /* lost is lost: it asks again */
		(void)sendto(asker->fd, answer, size, MSG_DONTWAIT, (const struct sockaddr *)&asker->address, sizeof asker->address);
	free(asker);
}

static void on_datagram(int fd, uint32_t events, void *data)
{
	uint8_t bytes[QUESTION_MAX];

	(void)events;
	(void)data;
	for (int i = 0; i < AT_ONCE; i++) {
		struct asker *asker = calloc(1, sizeof *asker);
		socklen_t length = sizeof asker->address;
		ssize_t size = asker == NULL ? -1 : recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&asker->address, &length);
		if (size == -1) {
			free(asker);
			return;
		}
		asker->fd = fd;
		question_take(&asker->address.sin6_addr, bytes, (size_t)size, false, datagram_answer, asker);
	}
}

static void on_time(void *data)
{
	struct error err = ERROR_INIT;

	(void)data;
	question_expire();
	if (loop_set_timer(self.timer, EXPIRE_MS, &err) == -1)
		log_error("%s", err.message);
}

static void on_stop(int signo, void *data)
{
	(void)signo;
	(void)data;
	loop_stop(self.loop, 0);
}

static int names_run(struct error *err)
{
	static const int syscalls[] = {
		SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(getsockname),
		SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(ioctl), SCMP_SYS(uname),
	};
	static const struct sandbox sandbox = {
		.uid = ROLE_UID_NAMES, .gid = ROLE_UID_NAMES, .files_max = 4096,
		.syscalls = syscalls, .syscall_count = sizeof syscalls / sizeof syscalls[0],
	};
	struct hello_message hello = { .version = PROTOCOL_VERSION, .pid = (uint32_t)getpid() };

	self.loop = loop_new(err);
	if (self.loop == NULL || sandbox_enter(&sandbox, err) == -1 || loop_add_signal(self.loop, SIGTERM, on_stop, NULL, err) == NULL)
		return -1;
	self.engine = channel_new(self.loop, ROLE_FD_ENGINE, engine_says, NULL, err);
	if (self.engine == NULL || channel_send(self.engine, MESSAGE_HELLO, 0, &hello, sizeof hello, -1, err) == -1)
		return -1;
	question_init(self.engine);
	self.timer = loop_add_timer(self.loop, EXPIRE_MS, on_time, NULL, err);
	if (self.timer == NULL || upstream_init(self.loop, err) == -1)
		return -1;
	for (int i = 0; i < 2; i++)
		if (stream_init(self.loop, ROLE_FD_DNS_TCP + i, err) == -1 || loop_add_fd(self.loop, ROLE_FD_DNS_UDP + i, EPOLLIN, on_datagram, NULL, err) == NULL)
			return -1;
	return loop_run(self.loop, err);
}

int names_main(int argc, char **argv)
{
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	int code = names_run(&err);
	if (code != -1)
		return code;
	log_error("%s", err.message);
	return 1;
}
