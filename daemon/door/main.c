/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * door: listens in place of an SSH server and starts one for each connection, as inetd
 * does: bulkhead-door PORT PROGRAM [WORD...]. dropbear itself takes 30 connections that
 * have not logged in, for five minutes each: one network of IPv6 fills that, and the
 * owner stands outside. Here there is always room for who comes from somewhere else.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/door/crowd.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum {
	LOGIN_MS = 60000,   /* until somebody has logged in */
	LOOK_MS = 5000,
	SESSIONS_MAX = 256, /* with those that have */
	BACKLOG = 256,
};

static struct {
	struct loop *loop;
	struct loop_source *timer;
	struct crowd crowd;
	unsigned sessions;
	char *const *program;
} self;

/* Who has logged in runs a command, a child of its server, and takes part in the crowd no longer. One look for all: a host has thousands of processes. */
static void logged_in_leave(void)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		cleanup_free char *text = NULL;
		struct error ignored = ERROR_INIT;
		char path[300], state;
		int parent;
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
		if (file_read(path, 4096, &text, NULL, &ignored) == -1)
			continue;
		/* "<pid> (<name>) <state> <parent> ..." */
		const char *behind = strrchr(text, ')');
		if (behind != NULL && sscanf(behind + 1, " %c %d", &state, &parent) == 2 && parent > 0)
			(void)crowd_leave(&self.crowd, parent);
	}
	if (folder != NULL)
		closedir(folder);
}

static void push_out(pid_t pid)
{
	kill(pid, SIGKILL);
	(void)crowd_leave(&self.crowd, pid);
}

static void ended(pid_t pid, int status, void *data)
{
	(void)status;
	(void)data;
	(void)crowd_leave(&self.crowd, pid);
	self.sessions--;
}

/* In the child: the connection is all that it has of us, beside the log. */
static _Noreturn void program_run(int fd)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(fd, STDIN_FILENO) == -1 || dup2(fd, STDOUT_FILENO) == -1)
		_exit(126);
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
	execv(self.program[0], self.program);
	_exit(127);
}

static void let_in(int fd, const struct source *source)
{
	struct error err = ERROR_INIT;

	pid_t pid = fork();
	if (pid == 0)
		program_run(fd);
	if (pid == -1 || loop_add_child(self.loop, pid, ended, NULL, &err) == NULL) {
		log_error("a connection is closed: %s", pid == -1 ? strerror(errno) : err.message);
		if (pid > 0)
			kill(pid, SIGKILL);
		return;
	}
	self.sessions++;
	crowd_enter(&self.crowd, source, pid, clock_ms());
}

static void knocked(int listener, uint32_t events, void *data)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof from;
	struct source source;

	(void)events;
	(void)data;
	cleanup_fd int fd = accept4(listener, (struct sockaddr *)&from, &length, SOCK_CLOEXEC);
	if (fd == -1)
		return;
	source_of(&from, &source);
	pid_t pushed = crowd_pushes(&self.crowd, &source);
	if (pushed != 0) {
		logged_in_leave();
		pushed = crowd_pushes(&self.crowd, &source);
	}
	if (self.sessions >= SESSIONS_MAX && pushed == 0)
		return;
	if (pushed != 0)
		push_out(pushed);
	let_in(fd, &source);
}

static void look(void *data)
{
	int64_t now = clock_ms();
	struct error err = ERROR_INIT;

	(void)data;
	logged_in_leave();
	for (size_t i = 0; i < CROWD_MAX; i++)
		if (self.crowd.strangers[i].pid != 0 && now - self.crowd.strangers[i].since_ms > LOGIN_MS)
			push_out(self.crowd.strangers[i].pid);
	if (loop_set_timer(self.timer, LOOK_MS, &err) == -1)
		log_error("%s", err.message);
}

/* A socket for each family, so that the program sees an address of IPv4 as one. */
static int door_open(const struct sockaddr *address, socklen_t length, struct error *err)
{
	int on = 1;
	cleanup_fd int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    (address->sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == -1) ||
	    bind(fd, address, length) == -1 || listen(fd, BACKLOG) == -1)
		return error_errno(err, "cannot listen by %s", address->sa_family == AF_INET ? "IPv4" : "IPv6");
	if (loop_add_fd(self.loop, fd, EPOLLIN, knocked, NULL, err) == NULL)
		return -1;
	(void)fd_steal(&fd); /* for good */
	return 0;
}

static int door_run(uint16_t port, struct error *err)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct error why = ERROR_INIT;

	self.loop = loop_new(err);
	self.timer = self.loop == NULL ? NULL : loop_add_timer(self.loop, LOOK_MS, look, NULL, err);
	if (self.timer == NULL)
		return -1;
	int by6 = door_open((const struct sockaddr *)&six, sizeof six, &why);
	if (by6 == -1)
		log_error("%s, port %u", why.message, port);
	if (door_open((const struct sockaddr *)&four, sizeof four, err) == -1 && by6 == -1)
		return error_wrap(err, "port %u", port);
	return loop_run(self.loop, err);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	char *end = NULL;
	unsigned long port = argc > 2 ? strtoul(argv[1], &end, 10) : 0;

	log_init("door", LOG_LEVEL_INFO);
	if (port == 0 || port > 65535 || *end != '\0') {
		fputs("usage: bulkhead-door PORT PROGRAM [WORD...]\n", stderr);
		return 2;
	}
	self.program = argv + 2;
	if (door_run((uint16_t)port, &err) == -1)
		log_error("%s", err.message);
	return 1;
}
