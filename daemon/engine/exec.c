/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Role `exec`, one process for each command. It waits, as root, for api's word;
 * forks the command (command.h); and gives up all that it does not need to carry
 * output and end it: then it is a process of the container's id range, with
 * CAP_KILL in there, in an empty root folder. It stays outside of the container's
 * groups and pid namespace, so nothing inside can stop or starve it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/attach.h"
#include "daemon/engine/capture.h"
#include "daemon/engine/cgroup.h"
#include "daemon/engine/command.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/enter.h"
#include "daemon/engine/runtime.h"
#include "daemon/engine/session.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/sandbox.h"

#define EMPTY_FOLDER "/var/empty"

enum { CLAIM_MS = 40000 }; /* api waits 30 seconds for a client */

static struct {
	struct loop *loop;
	struct channel *api;
	struct session_spec spec;
	struct enter enter;
	struct loop_source *timer, *report, *child;
	struct attach *attach;   /* one of the two, for a command */
	struct capture *capture;
	int output;  /* file of the capture */
	int kill_fd; /* cgroup.kill of the command's group */
	int report_fd;
	pid_t pid;
	int status;
	bool timed_out;
	struct error failure; /* why the program could not be run */
	struct place place;   /* what EXEC_PULL found */
} self = { .output = -1, .kill_fd = -1, .report_fd = -1 };

static void end_tell(int status, const struct error *failure, const uint64_t written[2])
{
	struct exec_end_message end = { .status = status, .timed_out = self.timed_out };
	struct error err = ERROR_INIT;

	if (failure->code != 0) {
		end.code = (uint32_t)failure->code;
		memcpy(end.field, failure->field, sizeof end.field);
		memcpy(end.message, failure->message, sizeof end.message);
	}
	memcpy(end.written, written, sizeof end.written);
	end.folder = self.place.folder;
	end.mode = self.place.mode;
	end.uid = self.place.uid;
	end.gid = self.place.gid;
	end.bytes = self.place.size;
	end.modified_ms = self.place.modified_ms;
	if (channel_send(self.api, MESSAGE_EXEC_END, 0, &end, sizeof end, self.output, &err) == -1)
		log_error("cannot tell the end of a command: %s", err.message);
	loop_stop(self.loop, 0);
}

static void attach_ended(void *data)
{
	const uint64_t none[2] = { 0, 0 };

	(void)data;
	end_tell(self.status, &self.failure, none);
}

/* It was not begun. */
static void fail(const struct error *err)
{
	self.failure = *err;
	if (self.attach != NULL)
		attach_end(self.attach, 0, err, attach_ended);
	else
		attach_ended(NULL);
}

/* The command and all that it made, wherever they hid in the container. */
static void group_kill(void)
{
	if (self.kill_fd != -1 && write(self.kill_fd, "1", 1) == -1)
		log_error("cannot kill a command: %s", strerror(errno));
}

static int ends_take(const int *fds, size_t count, struct error *err)
{
	if (self.attach != NULL)
		return attach_begin(self.attach, fds, count, self.pid, err);
	return count == 2 ? capture_begin(self.capture, fds, err) : error_set(err, EBADMSG, "a command has no output");
}

static void reports_take(void)
{
	struct command_report report;
	struct error err = ERROR_INIT;
	int fds[COMMAND_ENDS_MAX], got;
	size_t count;

	while (self.report_fd != -1 && (got = command_report(self.report_fd, &report, fds, &count)) != -1) {
		if (got == 0) {
			loop_remove(self.report);
			fd_cleanup(&self.report_fd);
		} else if (report.err.code != 0) {
			self.failure = report.err;
			text_mend(self.failure.field);
			text_mend(self.failure.message);
		} else if (count == 0) {
			self.place = report.place;
		} else if (ends_take(fds, count, &err) == -1) {
			self.failure = err;
			group_kill();
		}
	}
}

static void report_ready(int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	(void)data;
	reports_take();
}

static void command_ended(pid_t pid, int status, void *data)
{
	uint64_t written[2];

	(void)pid;
	(void)data;
	reports_take();
	self.status = status;
	if (self.attach != NULL) {
		attach_end(self.attach, status, &self.failure, attach_ended);
		return;
	}
	capture_end(self.capture, written);
	end_tell(status, &self.failure, written);
}

static void command_late(void *data)
{
	(void)data;
	self.timed_out = true;
	group_kill();
}

/* Nobody waits for the outcome any more. */
static void client_gone(void *data)
{
	(void)data;
	group_kill();
	loop_stop(self.loop, 0);
}

static int privileges_drop(struct error *err)
{
	/* For the loop, the end of the command, its output, and the size of its terminal. */
	static const int syscalls[] = { SCMP_SYS(wait4), SCMP_SYS(pwrite64), SCMP_SYS(kill), SCMP_SYS(ioctl) };
	const struct sandbox sandbox = {
		.uid = 0, .gid = 0, .files_max = 64, .alone = true, .capabilities = 1ULL << CAP_KILL,
		.syscalls = syscalls, .syscall_count = sizeof syscalls / sizeof syscalls[0],
#ifndef __SANITIZE_ADDRESS__
		.memory_max = UINT64_C(128) << 20,
#endif
	};

	if (chroot(EMPTY_FOLDER) == -1 || chdir("/") == -1)
		return error_errno(err, "cannot leave the host's files behind");
	if (setns(SESSION_FD_INIT, CLONE_NEWUSER) == -1)
		return error_errno(err, "cannot take the container's ids");
	for (int fd = SESSION_FD_SPEC; fd <= SESSION_FD_INPUT; fd++)
		if (fd != SESSION_FD_CHANNEL)
			close(fd);
	return sandbox_enter(&sandbox, err);
}

/* *ret_group: the folder of the command's group, the caller's. */
static int group_open(int *ret_group, struct error *err)
{
	char group[CGROUP_TEXT], path[PATH_MAX];

	session_command_group(self.spec.realm, self.spec.exec.id, self.spec.exec.session, group);
	snprintf(path, sizeof path, CGROUP_ROOT "/%s", group);
	if (mkdir(path, 0755) == -1 && errno != EEXIST)
		return error_set(err, errno == EAGAIN ? EMLINK : errno,
				 errno == EAGAIN ? "the container has as many control groups as it may" :
						   "cannot make the control group of a command");
	*ret_group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	self.kill_fd = *ret_group == -1 ? -1 : openat(*ret_group, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	return self.kill_fd == -1 ? error_errno(err, "cannot open the control group %s", group) : 0;
}

/* Where its output goes. connection: of the client that is attached to it, or -1; taken over. */
static int outlet_make(int connection, struct error *err)
{
	if ((self.spec.exec.attach != 0) != (connection != -1)) {
		fd_cleanup(&connection);
		return error_set(err, EBADMSG, "a command and its client do not fit together");
	}
	if (connection != -1)
		self.attach = attach_new(self.loop, connection, client_gone, NULL, err);
	else
		self.capture = capture_new(self.loop, self.spec.exec.output_max, &self.output, err);
	return self.attach == NULL && self.capture == NULL ? -1 : 0;
}

static int command_begin(int connection, struct error *err)
{
	cleanup_fd int group = -1;
	char policy[PATH_MAX];

	runtime_path(self.spec.exec.id, "seccomp", policy);
	if (outlet_make(connection, err) == -1 || group_open(&group, err) == -1 ||
	    enter_prepare(&self.enter, SESSION_FD_INIT, self.spec.init, policy, err) == -1)
		return -1;
	self.pid = command_fork(&self.spec, &self.enter, group, &self.report_fd, err);
	if (self.pid == -1)
		return -1;
	self.report = loop_add_fd(self.loop, self.report_fd, EPOLLIN, report_ready, NULL, err);
	self.child = loop_add_child(self.loop, self.pid, command_ended, NULL, err);
	loop_remove(self.timer);
	self.timer = NULL;
	if (self.spec.exec.timeout_ms != 0)
		self.timer = loop_add_timer(self.loop, self.spec.exec.timeout_ms, command_late, NULL, err);
	if (self.report == NULL || self.child == NULL || err->code != 0 || privileges_drop(err) == -1) {
		group_kill();
		return -1;
	}
	return 0;
}

static void api_says(struct channel *channel, struct message *message, void *data)
{
	struct error err = ERROR_INIT;

	(void)channel;
	(void)data;
	if (message->type == MESSAGE_EXEC_GO && self.child == NULL) {
		int connection = message->fd == -1 ? -1 : fcntl(message->fd, F_DUPFD_CLOEXEC, 0);
		if (command_begin(connection, &err) == -1)
			fail(&err);
		return;
	}
	if (message->type != 0)
		log_error("api sent a frame of type %u, which is not for a session", message->type);
	client_gone(NULL);
}

static void claim_late(void *data)
{
	(void)data;
	loop_stop(self.loop, 0);
}

static int session_run(struct error *err)
{
	if (fd_read_full(SESSION_FD_SPEC, &self.spec, sizeof self.spec) != (ssize_t)sizeof self.spec)
		return error_set(err, EBADMSG, "the process of a command got no command");
	self.loop = loop_new(err);
	if (self.loop == NULL)
		return -1;
	self.api = channel_new(self.loop, SESSION_FD_CHANNEL, api_says, NULL, err);
	self.timer = loop_add_timer(self.loop, CLAIM_MS, claim_late, NULL, err);
	if (self.api == NULL || self.timer == NULL)
		return -1;
	channel_passing(self.api);
	return loop_run(self.loop, err);
}

int exec_main(int argc, char **argv)
{
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	umask(0022);
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGPIPE, SIG_IGN);
	for (int fd = SESSION_FD_SPEC; fd <= SESSION_FD_INPUT; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
			return 1; /* not started by the engine */
	/* The host's daemons are spared when memory runs out; this, and the command, are not. */
	if (file_poke("/proc/self/oom_score_adj", "0", &err) == -1 || session_run(&err) == -1) {
		log_error("%s", err.message);
		return 1;
	}
	return 0;
}
