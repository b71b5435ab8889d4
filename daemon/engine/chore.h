/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chore: long work of the engine with files, in a child process that hands back one
 * struct. It ends with the engine, and gives way to tenants for CPU and memory.
 */
#ifndef BULKHEAD_CHORE_H
#define BULKHEAD_CHORE_H

#include <stddef.h>
#include <sys/types.h>

struct error;
struct loop;

enum { CHORE_OUTCOME_MAX = 2048 }; /* less than a pipe holds: the child never waits for the engine */

/* In the child: fills outcome, which is all zeros. data is as it was at chore_begin(). */
typedef void chore_work(void *outcome, void *data);

/* outcome NULL: it was killed or crashed, status is of waitpid(2). */
typedef void chore_done(const void *outcome, int status, void *data);

/* Calls done once, with the same data, unless -1 is returned. *ret_pid may be killed; NULL: nobody will. */
int chore_begin(struct loop *loop, chore_work *work, chore_done *done, size_t outcome_size, void *data, pid_t *ret_pid,
		struct error *err);

#endif
