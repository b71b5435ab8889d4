/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runtime: what a new engine must know to take over running containers.
 * ENGINE_RUN/<id>/ holds:
 *
 *   message      struct container_message it was started with
 *   state        struct runtime_state, written last, by the start helper
 *   rootfs       mount point, used in the container's own mount namespace
 *   console.log  what it wrote to its console, RUNTIME_CONSOLE_MAX bytes at most
 *   held         its processes are held for a copy (copies.h)
 *   seccomp      the list of system calls that its programs may not make (policy.h)
 *   lxc.log      liblxc's complaints, warnings and errors alone
 *
 * It is a tmpfs of its own, a tenth of memory at most.
 */
#ifndef BULKHEAD_RUNTIME_H
#define BULKHEAD_RUNTIME_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/lib/hex.h"

struct container_message;
struct error;

enum { RUNTIME_CONSOLE_MAX = 64 * 1024 };

struct runtime_state {
	uint32_t version;       /* RUNTIME_VERSION */
	int32_t monitor, init;  /* pids on the host */
	uint32_t start_ms;      /* how long the start took */
	uint64_t monitor_born, init_born; /* start times in ticks after boot: a pid that was given anew differs */
};

enum { RUNTIME_VERSION = 1 };

/* ENGINE_RUN/<id>[/<name>] */
void runtime_path(const char id[ID_TEXT], const char *name, char path[PATH_MAX]);

/* Makes and mounts ENGINE_RUN, and, with an id, its folder with the message in it. */
int runtime_init(struct error *err);
int runtime_create(const struct container_message *message, struct error *err);

/* Start time of a process, field 22 of /proc/<pid>/stat; 0 if there is none. */
uint64_t runtime_born(pid_t pid);

/* Its parent; 0 if there is no such process. */
pid_t runtime_parent(pid_t pid);

int runtime_write(const char id[ID_TEXT], const struct runtime_state *state, struct error *err);

/*
 * Reads both files. On success *ret_monitor and *ret_init are pidfds of living
 * processes, the caller's. ESRCH when one of them is gone, ENOENT when the start
 * never ended; *ret_message is filled in both cases if it could be read.
 */
int runtime_read(const char id[ID_TEXT], struct container_message *ret_message, struct runtime_state *ret_state,
		 int *ret_monitor, int *ret_init, struct error *err);

/* Removes the folder and what is in it; the logs stay if keep is set. */
void runtime_remove(const char id[ID_TEXT], bool keep);

#endif
