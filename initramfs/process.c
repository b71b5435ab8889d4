/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

struct process {
	pid_t pid; /* 0: free place */
	process_cb *cb;
	void *data;
};

static struct process processes[PROCESS_MAX];

static void process_ended(pid_t pid, int status)
{
	for (size_t i = 0; i < PROCESS_MAX; i++) {
		if (processes[i].pid != pid)
			continue;
		struct process ended = processes[i];
		processes[i] = (struct process){ 0 };
		if (ended.cb != NULL)
			ended.cb(pid, status, ended.data);
		return;
	}
}

static void process_reap(int signo, void *data)
{
	pid_t pid;
	int status;

	(void)signo, (void)data;
	/* Signals merge: one may stand for many exits. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		process_ended(pid, status);
}

int process_init(struct loop *loop, struct error *err)
{
	return loop_add_signal(loop, SIGCHLD, process_reap, NULL, err) == NULL ? -1 : 0;
}

int process_watch(pid_t pid, process_cb *cb, void *data, struct error *err)
{
	for (size_t i = 0; i < PROCESS_MAX; i++) {
		if (processes[i].pid == 0) {
			processes[i] = (struct process){ .pid = pid, .cb = cb, .data = data };
			return 0;
		}
	}
	return error_set(err, EAGAIN, "more than %d processes", PROCESS_MAX);
}

void process_forget(pid_t pid)
{
	for (size_t i = 0; i < PROCESS_MAX; i++)
		if (processes[i].pid == pid)
			processes[i].cb = NULL;
}

pid_t process_fork(struct error *err)
{
	pid_t pid = fork();

	if (pid == -1)
		return error_errno(err, "cannot start a process");
	if (pid != 0)
		return pid;

	sigset_t none;
	sigemptyset(&none);
	for (int signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL); /* the few that cannot be set need not be */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

/* In the child: descriptors 0, 1, 2. Standard error stays the kernel log unless there is a terminal. */
static int process_descriptors(const struct process_plan *plan)
{
	if (plan->tty == NULL) {
		cleanup_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null == -1 || dup2(null, STDIN_FILENO) == -1)
			return -1;
		return dup2(plan->output >= 0 ? plan->output : STDERR_FILENO, STDOUT_FILENO);
	}
	setsid();
	cleanup_fd int tty = open(plan->tty, O_RDWR | O_CLOEXEC);
	if (tty == -1)
		return -1;
	/* Steals the terminal from an earlier prompt that has just died. */
	(void)ioctl(tty, TIOCSCTTY, 1);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(tty, fd) == -1)
			return -1;
	return 0;
}

pid_t process_spawn(const struct process_plan *plan, process_cb *cb, void *data, struct error *err)
{
	static const char *const plain[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	cleanup_fd int started_read = -1;
	cleanup_fd int started_write = -1;
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) == -1)
		return error_errno(err, "cannot make a pipe");
	started_read = pair[0];
	started_write = pair[1];
	pid_t pid = process_fork(err);
	if (pid == 0) {
		if (process_descriptors(plan) == -1 ||
		    (plan->root != NULL && (chroot(plan->root) == -1 || chdir("/") == -1)))
			_exit(127);
		/* exec takes pointers to what it does not change. */
		execve(plan->argv[0], (char *const *)(uintptr_t)plan->argv,
		       (char *const *)(uintptr_t)(plan->envp != NULL ? plan->envp : plain));
		log_error("cannot run %s: %s", plan->argv[0], strerror(errno));
		_exit(127);
	}
	if (pid == -1)
		return -1;
	if (process_watch(pid, cb, data, err) == -1) {
		kill(pid, SIGKILL);
		return -1;
	}
	/*
	 * exec, or the end, closes the other end. Without this wait the hand-over could
	 * take the root from under a child that has not entered it yet. No wait for
	 * others: opening a terminal may take for ever.
	 */
	char none;
	close(fd_steal(&started_write));
	if (plan->root != NULL)
		(void)fd_read_full(started_read, &none, 1);
	return pid;
}

const char *process_status_text(int status, char *text, size_t size)
{
	if (WIFEXITED(status))
		snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
	else
		snprintf(text, size, "was killed by signal %d", WTERMSIG(status));
	return text;
}
