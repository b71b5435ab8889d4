/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * init: the first process of a container as the host sees it. It is no child of
 * the engine: a pidfd and /proc are what there is.
 */
#ifndef BULKHEAD_INIT_H
#define BULKHEAD_INIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Status as of waitpid(2) of an init that has ended. Where the kernel does not tell: SIGKILL if killed, else 0. */
int32_t init_exit_status(int pidfd, bool killed);

/*
 * The signal that asks it to end: wanted, if that is not 0; else of /sbin/init
 * when system is set, of a command otherwise. 0 if it would not see it.
 */
int init_halt_signal(pid_t pid, bool system, int wanted);

#endif
