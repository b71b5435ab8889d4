/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox: what a role that faces outside gives up before it reads its first
 * byte: root, capabilities, new privileges, all system calls but a list.
 */
#ifndef BULKHEAD_SANDBOX_H
#define BULKHEAD_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

struct sandbox {
	uid_t uid;
	gid_t gid;
	uint64_t files_max;     /* RLIMIT_NOFILE */
	uint64_t memory_max;    /* RLIMIT_AS, bytes; 0: leave (sanitizers need it) */
	const int *syscalls;    /* allowed besides the base list that every role here needs */
	size_t syscall_count;
	uint64_t capabilities;  /* kept, of those that the change of user leaves; a bit for each number */
	bool alone;             /* outlives its parent */
};

/*
 * Enters it for good. Executable memory can no longer be made, and a call that
 * is not on the list ends the process after one line on standard error with the
 * call's number (`bulkheadd` starts the role again). Returns 0, or -1 with the
 * process in an undefined state between: the caller must exit.
 */
int sandbox_enter(const struct sandbox *sandbox, struct error *err);

#endif
