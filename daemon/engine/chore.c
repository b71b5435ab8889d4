/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/chore.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/loop.h"

struct chore {
	int pipe; /* from the child */
	size_t size;
	chore_done *done;
	void *data;
};

static void chore_ended(pid_t pid, int status, void *data)
{
	struct chore *chore = data;
	_Alignas(max_align_t) unsigned char outcome[CHORE_OUTCOME_MAX];

	(void)pid;
	bool whole = fd_read_full(chore->pipe, outcome, chore->size) == (ssize_t)chore->size;
	close(chore->pipe);
	chore->done(whole ? outcome : NULL, status, chore->data);
	free(chore);
}

__attribute__((noreturn)) static void child_run(chore_work *work, size_t size, void *data, int pipe)
{
	static _Alignas(max_align_t) unsigned char outcome[CHORE_OUTCOME_MAX];
	struct error ignored = ERROR_INIT;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a new engine does not know of it */
	setpriority(PRIO_PROCESS, 0, 10);
	(void)file_poke("/proc/self/oom_score_adj", "500", &ignored);
	work(outcome, data);
	_exit(fd_write_full(pipe, outcome, size) == -1);
}

int chore_begin(struct loop *loop, chore_work *work, chore_done *done, size_t outcome_size, void *data, pid_t *ret_pid,
		struct error *err)
{
	int pipe[2];

	if (outcome_size > CHORE_OUTCOME_MAX)
		return error_set(err, EINVAL, "an outcome of %zu bytes is too large", outcome_size);
	struct chore *chore = malloc(sizeof *chore);
	if (chore == NULL || pipe2(pipe, O_CLOEXEC) == -1) {
		free(chore);
		return error_errno(err, "cannot begin work in a process of its own");
	}
	*chore = (struct chore){ .pipe = pipe[0], .size = outcome_size, .done = done, .data = data };
	pid_t pid = fork();
	if (pid == 0)
		child_run(work, outcome_size, data, pipe[1]);
	close(pipe[1]);
	if (pid == -1) {
		error_errno(err, "cannot start a process");
	} else if (loop_add_child(loop, pid, chore_ended, chore, err) != NULL) {
		if (ret_pid != NULL)
			*ret_pid = pid;
		return 0;
	} else {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	close(pipe[0]);
	free(chore);
	return -1;
}
