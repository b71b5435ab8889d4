/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"

enum loop_kind { LOOP_KIND_FD, LOOP_KIND_TIMER, LOOP_KIND_SIGNAL, LOOP_KIND_CHILD };

struct loop_source {
	struct loop *loop;
	enum loop_kind kind;
	int fd;   /* own for all kinds but LOOP_KIND_FD */
	pid_t pid;
	bool removed;
	union {
		loop_fd_cb *on_fd;
		loop_timer_cb *on_timer;
		loop_signal_cb *on_signal;
		loop_child_cb *on_child;
	};
	void *data;
	struct loop_source *prev, *next;
};

struct loop {
	int epoll;
	bool stopped;
	int code;
	struct loop_source *sources; /* live ones */
	struct loop_source *removed; /* freed after the batch of events that may still name them */
};

struct loop *loop_new(struct error *err)
{
	struct loop *loop = calloc(1, sizeof *loop);
	if (loop == NULL) {
		error_set(err, ENOMEM, "no memory for the event loop");
		return NULL;
	}
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll == -1) {
		error_errno(err, "cannot make the event loop");
		free(loop);
		return NULL;
	}
	return loop;
}

static void loop_sweep(struct loop *loop)
{
	while (loop->removed != NULL) {
		struct loop_source *source = loop->removed;
		loop->removed = source->next;
		free(source);
	}
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	while (loop->sources != NULL)
		loop_remove(loop->sources);
	loop_sweep(loop);
	close(loop->epoll);
	free(loop);
}

void loop_remove(struct loop_source *source)
{
	if (source == NULL || source->removed)
		return;
	struct loop *loop = source->loop;

	/* The caller may already have closed its descriptor; then epoll forgot it by itself. */
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	if (source->kind != LOOP_KIND_FD)
		close(source->fd);
	source->removed = true;

	if (source->prev != NULL)
		source->prev->next = source->next;
	else
		loop->sources = source->next;
	if (source->next != NULL)
		source->next->prev = source->prev;
	source->next = loop->removed;
	loop->removed = source;
}

/* Takes fd over for every kind but LOOP_KIND_FD, also on failure. */
static struct loop_source *source_add(struct loop *loop, enum loop_kind kind, int fd, uint32_t events, void *data,
				      struct error *err)
{
	struct loop_source *source = calloc(1, sizeof *source);
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (source == NULL) {
		error_set(err, ENOMEM, "no memory for an event source");
		goto fail;
	}
	source->loop = loop;
	source->kind = kind;
	source->fd = fd;
	source->data = data;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == -1) {
		error_errno(err, "cannot watch descriptor %d", fd);
		goto fail;
	}
	source->next = loop->sources;
	if (source->next != NULL)
		source->next->prev = source;
	loop->sources = source;
	return source;

fail:
	free(source);
	if (kind != LOOP_KIND_FD)
		close(fd);
	return NULL;
}

struct loop_source *loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_cb *cb, void *data,
				struct error *err)
{
	struct loop_source *source = source_add(loop, LOOP_KIND_FD, fd, events, data, err);
	if (source != NULL)
		source->on_fd = cb;
	return source;
}

int loop_modify_fd(struct loop_source *source, uint32_t events, struct error *err)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event) == -1)
		return error_errno(err, "cannot change the watch on descriptor %d", source->fd);
	return 0;
}

int loop_set_timer(struct loop_source *source, int64_t ms, struct error *err)
{
	struct itimerspec when = { 0 };

	if (ms >= 0) {
		when.it_value.tv_sec = ms / 1000;
		when.it_value.tv_nsec = ms % 1000 * 1000000;
		if (ms == 0)
			when.it_value.tv_nsec = 1; /* zero would disarm */
	}
	if (timerfd_settime(source->fd, 0, &when, NULL) == -1)
		return error_errno(err, "cannot set a timer");
	return 0;
}

struct loop_source *loop_add_timer(struct loop *loop, int64_t ms, loop_timer_cb *cb, void *data, struct error *err)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd == -1) {
		error_errno(err, "cannot make a timer");
		return NULL;
	}
	struct loop_source *source = source_add(loop, LOOP_KIND_TIMER, fd, EPOLLIN, data, err);
	if (source == NULL)
		return NULL;
	source->on_timer = cb;
	if (loop_set_timer(source, ms, err) == -1) {
		loop_remove(source);
		return NULL;
	}
	return source;
}

struct loop_source *loop_add_signal(struct loop *loop, int signo, loop_signal_cb *cb, void *data, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	if (sigaddset(&set, signo) == -1 || sigprocmask(SIG_BLOCK, &set, NULL) == -1) {
		error_errno(err, "cannot block signal %d", signo);
		return NULL;
	}
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd == -1) {
		error_errno(err, "cannot take signal %d", signo);
		return NULL;
	}
	struct loop_source *source = source_add(loop, LOOP_KIND_SIGNAL, fd, EPOLLIN, data, err);
	if (source != NULL)
		source->on_signal = cb;
	return source;
}

struct loop_source *loop_add_child(struct loop *loop, pid_t pid, loop_child_cb *cb, void *data, struct error *err)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
	if (fd == -1) {
		error_errno(err, "cannot watch process %d", (int)pid);
		return NULL;
	}
	struct loop_source *source = source_add(loop, LOOP_KIND_CHILD, fd, EPOLLIN, data, err);
	if (source == NULL)
		return NULL;
	source->pid = pid;
	source->on_child = cb;
	return source;
}

static void source_dispatch(struct loop_source *source, uint32_t events)
{
	switch (source->kind) {
	case LOOP_KIND_FD:
		source->on_fd(source->fd, events, source->data);
		break;
	case LOOP_KIND_TIMER: {
		uint64_t count;
		/* A timer that was set anew in this batch has nothing to read: not due. */
		if (read(source->fd, &count, sizeof count) == (ssize_t)sizeof count)
			source->on_timer(source->data);
		break;
	}
	case LOOP_KIND_SIGNAL: {
		struct signalfd_siginfo info;
		if (read(source->fd, &info, sizeof info) == (ssize_t)sizeof info)
			source->on_signal((int)info.ssi_signo, source->data);
		break;
	}
	case LOOP_KIND_CHILD: {
		int status = 0;
		pid_t pid = source->pid;
		if (waitpid(pid, &status, WNOHANG) == 0)
			break;
		loop_child_cb *cb = source->on_child;
		void *data = source->data;
		loop_remove(source);
		cb(pid, status, data);
		break;
	}
	}
}

int loop_run(struct loop *loop, struct error *err)
{
	loop->stopped = false;
	while (!loop->stopped) {
		struct epoll_event events[64];
		int count = epoll_wait(loop->epoll, events, 64, -1);
		if (count == -1 && errno == EINTR)
			continue;
		if (count == -1)
			return error_errno(err, "cannot wait for events");
		for (int i = 0; i < count && !loop->stopped; i++) {
			struct loop_source *source = events[i].data.ptr;
			if (!source->removed)
				source_dispatch(source, events[i].events);
		}
		loop_sweep(loop);
	}
	return loop->code;
}

void loop_stop(struct loop *loop, int code)
{
	loop->stopped = true;
	loop->code = code;
}
