/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup: the control groups of containers (cgroup v2).
 *
 *   bulkhead.slice/realm-<realm>/<container>   the container, made by liblxc, with its limits
 *   bulkhead.slice/monitors/<container>/       its start helper and monitor: killed by name, without pids
 */
#ifndef BULKHEAD_CGROUP_H
#define BULKHEAD_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/lib/hex.h"

struct error;

enum {
	CGROUP_TEXT = 160,
	/* What a container may make below its group: someone else has to take it away. */
	CGROUP_DEPTH_MAX = 16,
	CGROUP_COUNT_MAX = 1000,
};

#define CGROUP_ROOT "/sys/fs/cgroup"

/*
 * Makes bulkhead.slice with the controllers memory, pids, cpu and io, and a limit
 * of memory that leaves 5 % for the host, 256 MiB at least; may be repeated.
 */
int cgroup_init(struct error *err);

/* Makes the slice of a realm; may be repeated. */
int cgroup_realm(const char realm[ID_TEXT], struct error *err);

/* Removes the slice of a realm if no container is in it. */
void cgroup_realm_leave(const char realm[ID_TEXT]);

/* Paths below CGROUP_ROOT, without leading slash. */
void cgroup_container(const char realm[ID_TEXT], const char id[ID_TEXT], char path[CGROUP_TEXT]);
void cgroup_monitor(const char id[ID_TEXT], char path[CGROUP_TEXT]);

/* Makes the group and moves this process into it. */
int cgroup_join(const char *path, struct error *err);

/* Makes the group and moves another process into it. */
int cgroup_put(const char *path, pid_t pid, struct error *err);

/* Kills every process in and below the group (cgroup.kill). A group that is not there is done. */
int cgroup_kill(const char *path, struct error *err);

/*
 * Holds every process in and below the group, or lets them go on (cgroup.freeze):
 * the kernel does so as each leaves what it does inside it. SIGKILL reaches them still.
 */
int cgroup_freeze(const char *path, bool frozen, struct error *err);

/* True if the group was told to freeze, by whichever engine. */
bool cgroup_frozen(const char *path);

/* True once all processes of a group that was told to freeze are held. */
bool cgroup_held(const char *path);

/* True while a process lives in or below the group. */
bool cgroup_populated(const char *path);

/* Removes the group and those below it; fails with EBUSY while populated. Gone already is success. */
int cgroup_remove(const char *path, struct error *err);

#endif
