/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * process: the children of PID 1. It must reap every process that loses its
 * parent, so all exits come through one SIGCHLD handler and are matched against
 * a table here; loop_add_child() is not used beside it.
 */
#ifndef BULKHEAD_PROCESS_H
#define BULKHEAD_PROCESS_H

#include <sys/types.h>

struct error;
struct loop;

enum { PROCESS_MAX = 64 };

typedef void process_cb(pid_t pid, int status, void *data); /* status as of waitpid(2) */

struct process_plan {
	const char *const *argv;  /* argv[0] is the program's path */
	const char *const *envp;  /* NULL: a PATH only */
	const char *root;         /* chroot(2) there first; NULL: no */
	const char *tty;          /* becomes controlling terminal and descriptors 0, 1, 2; NULL: see below */
	int output;               /* without tty: descriptor 1; -1: as standard error. 0 is /dev/null */
};

/* Starts reaping. */
int process_init(struct loop *loop, struct error *err);

/* Calls back once when pid, a child of this process, has ended; cb may be NULL. */
int process_watch(pid_t pid, process_cb *cb, void *data, struct error *err);

/* Forgets the callback; the process is still reaped. */
void process_forget(pid_t pid);

/*
 * Forks with signals as a fresh program expects them. Returns as fork(2) does,
 * -1 with err. The child must not return.
 */
pid_t process_fork(struct error *err);

/* Forks, execs, watches. Returns the pid, with root once the program runs there, or -1. A program that cannot be run ends with status 127. */
pid_t process_spawn(const struct process_plan *plan, process_cb *cb, void *data, struct error *err);

/* "ended with status 1", "was killed by signal 9". */
const char *process_status_text(int status, char *text, size_t size);

#endif
