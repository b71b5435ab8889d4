/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/puller.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/pull/pull.h"

static unsigned pullers;

__attribute__((noreturn)) static void puller_exec(int socket)
{
	char *const argv[] = { (char[]){ "bulkheadd" }, (char[]){ "pull" }, NULL };
	char *const envp[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, (char[]){ "LC_ALL=C.UTF-8" }, NULL };
	struct error err = ERROR_INIT;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* What a stranger's registry makes it take is not spared when memory runs out. */
	if (file_poke("/proc/self/oom_score_adj", "500", &err) == -1 || dup2(socket, PULL_FD) == -1 ||
	    close_range(PULL_FD + 1, ~0U, 0) == -1)
		_exit(126);
	execve("/proc/self/exe", argv, envp);
	_exit(127);
}

static void puller_ended(pid_t pid, int status, void *data)
{
	(void)pid;
	(void)data;
	pullers--;
	if (status != 0)
		log_warning("the process that pulled an image ended with status %d", status);
}

int puller_start(struct loop *loop, int socket, struct error *err)
{
	if (pullers == PULLERS_MAX)
		return error_set(err, EBUSY, "%d images are being pulled; try again when one is done", PULLERS_MAX);
	pid_t pid = fork();
	if (pid == -1)
		return error_errno(err, "cannot start a pull");
	if (pid == 0)
		puller_exec(socket);
	if (loop_add_child(loop, pid, puller_ended, NULL, err) == NULL) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return -1;
	}
	pullers++;
	return 0;
}
