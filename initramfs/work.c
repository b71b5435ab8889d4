/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/work.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/secret.h"
#include "initramfs/notice.h"
#include "initramfs/process.h"

enum { LATE_MS = 60000 }; /* longer than any key derivation: a disk or its controller hangs */

enum work_frame { WORK_FRAME_PROGRESS = 1, WORK_FRAME_RESULT = 2 }; /* first byte of each frame */

struct work {
	struct loop_source *source, *late;
	int fd; /* frames from the child */
	bool have_result;
	struct secret *frame; /* room for one frame; then holds the result */
	struct work_plan plan;
};

static int work_channel = -1; /* in the child only */

static void work_receive(struct work *work)
{
	for (;;) {
		if (work->have_result)
			return;
		ssize_t size = recv(work->fd, work->frame->data, work->frame->room, MSG_DONTWAIT);
		if (size == -1 && errno == EINTR)
			continue;
		if (size <= 0)
			return;
		if (work->frame->data[0] == WORK_FRAME_RESULT && (size_t)size == 1 + work->plan.result_size) {
			work->have_result = true;
		} else if (work->frame->data[0] == WORK_FRAME_PROGRESS && work->plan.progress != NULL) {
			work->frame->data[size] = '\0'; /* a secret's data has a byte behind its room */
			work->plan.progress(work->frame->data + 1, work->plan.data);
		}
	}
}

static void work_readable(int fd, uint32_t events, void *data)
{
	struct work *work = data;

	(void)fd;
	work_receive(work);
	if (events & EPOLLHUP) {
		loop_remove(work->source);
		work->source = NULL;
	}
}

static void work_late(void *data)
{
	const struct work *work = data;

	notice("%s has taken %d s so far; a disk that does not answer is not given up: 'reboot' over SSH restarts the "
	       "machine",
	       work->plan.name, LATE_MS / 1000);
}

static void work_free(struct work *work)
{
	if (work == NULL)
		return;
	loop_remove(work->source);
	loop_remove(work->late);
	if (work->fd >= 0)
		close(work->fd);
	secret_free(work->frame);
	free(work);
}

static void work_ended(pid_t pid, int status, void *data)
{
	struct work *work = data;
	struct work_outcome outcome = { 0 };
	max_align_t result[WORK_RESULT_MAX / sizeof(max_align_t)];

	(void)pid;
	work_receive(work);
	if (work->have_result) {
		memcpy(result, work->frame->data + 1, work->plan.result_size);
		outcome.result = result;
	} else {
		char text[64];

		outcome.out_of_memory = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		snprintf(outcome.message, sizeof outcome.message, "the process for %s %s%s", work->plan.name,
			 process_status_text(status, text, sizeof text),
			 outcome.out_of_memory ? " (out of memory)" : "");
	}
	work->plan.done(&outcome, work->plan.data);
	explicit_bzero(result, sizeof result);
	work_free(work);
}

static void __attribute__((noreturn)) work_child(const struct work_plan *plan, int channel, int secret_fd)
{
	struct error ignored;

	/* Keep 0, 1, 2, the channel as 3 and the secret as 4; drop PID 1's sockets. */
	if (secret_fd >= 0 && (secret_fd = fcntl(secret_fd, F_DUPFD_CLOEXEC, 100)) == -1)
		_exit(20);
	if (dup3(channel, 3, O_CLOEXEC) == -1 && channel != 3)
		_exit(20);
	if (secret_fd >= 0)
		secret_fd = dup3(secret_fd, 4, O_CLOEXEC);
	close_range(secret_fd >= 0 ? 5 : 4, ~0U, 0);
	work_channel = 3;

	/* The out-of-memory killer shall choose this process, never PID 1. */
	(void)file_poke("/proc/self/oom_score_adj", "1000", &ignored);

	char *frame = mmap(NULL, 1 + WORK_RESULT_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	max_align_t result[WORK_RESULT_MAX / sizeof(max_align_t)] = { 0 };
	if (frame == MAP_FAILED)
		_exit(20);
	plan->function(plan->argument, secret_fd, result);
	frame[0] = WORK_FRAME_RESULT;
	memcpy(frame + 1, result, plan->result_size);
	int sent = send(work_channel, frame, 1 + plan->result_size, MSG_NOSIGNAL) == -1 ? 20 : 0;
	explicit_bzero(frame, 1 + WORK_RESULT_MAX);
	explicit_bzero(result, sizeof result);
	_exit(sent);
}

int work_start(struct loop *loop, const struct work_plan *plan, struct error *err)
{
	cleanup_fd int secret_read_end = -1;
	cleanup_fd int secret_write_end = -1;
	cleanup_fd int child_end = -1;
	struct error ignored;
	int pair[2];
	pid_t pid;

	struct work *work = calloc(1, sizeof *work);
	if (work == NULL)
		return error_set(err, ENOMEM, "no memory for %s", plan->name);
	work->fd = -1;
	work->plan = *plan;
	work->frame = secret_new(1 + WORK_RESULT_MAX, err);
	if (work->frame == NULL)
		goto fail;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		error_errno(err, "cannot make a socket for %s", plan->name);
		goto fail;
	}
	work->fd = pair[0];
	child_end = pair[1];
	if (plan->secret != NULL) {
		if (pipe2(pair, O_CLOEXEC) == -1) {
			error_errno(err, "cannot make a pipe for %s", plan->name);
			goto fail;
		}
		secret_read_end = pair[0];
		secret_write_end = pair[1];
		/* A passphrase is far smaller than a pipe's buffer, so this cannot block. */
		if (fd_write_full(secret_write_end, plan->secret->data, plan->secret->size) == -1) {
			error_errno(err, "cannot hand over the secret for %s", plan->name);
			goto fail;
		}
		close(fd_steal(&secret_write_end));
	}
	work->source = loop_add_fd(loop, work->fd, EPOLLIN, work_readable, work, err);
	if (work->source == NULL)
		goto fail;
	work->late = loop_add_timer(loop, LATE_MS, work_late, work, &ignored); /* without it nobody is told */

	pid = process_fork(err);
	if (pid == 0)
		work_child(plan, child_end, secret_read_end);
	if (pid == -1)
		goto fail;
	if (process_watch(pid, work_ended, work, err) == -1) {
		kill(pid, SIGKILL);
		goto fail;
	}
	return 0;

fail:
	work_free(work);
	return -1;
}

void work_progress(const char *fmt, ...)
{
	char text[1 + WORK_TEXT_MAX];
	va_list ap;

	text[0] = WORK_FRAME_PROGRESS;
	va_start(ap, fmt);
	vsnprintf(text + 1, sizeof text - 1, fmt, ap);
	va_end(ap);
	if (work_channel >= 0)
		(void)send(work_channel, text, 1 + strlen(text + 1), MSG_NOSIGNAL); /* PID 1 never closes first */
}
