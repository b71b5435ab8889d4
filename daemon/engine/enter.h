/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * enter: makes a process of the host one of a running container, no freer than
 * the container's init: its namespaces, its capabilities at most, its list of
 * system calls, its limits of files and core dumps. liblxc does the same for
 * the init (guest.c).
 *
 * A process enters once, has one thread, and is root of the host before.
 */
#ifndef BULKHEAD_ENTER_H
#define BULKHEAD_ENTER_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct account;
struct error;
struct policy;

struct enter {
	int init_fd;            /* pidfd of its init, the caller's */
	uint64_t bounding;      /* capabilities that its init can ever have */
	struct rlimit files, core;
	struct policy *policy;  /* owned */
};

/* On the host's side: learns what the init has. pid is its number, as the pidfd has it; policy the file of its list. */
int enter_prepare(struct enter *enter, int init_fd, pid_t pid, const char *policy, struct error *err);

/*
 * Then, in a process that joined its pid namespace (enter_pids and fork): all
 * other namespaces. The caller is the container's root now, in its root folder,
 * but not yet under its list. Files that were open stay so.
 */
int enter_namespaces(const struct enter *enter, struct error *err);

/* What this process forks from here on is in the container's pid namespace. */
int enter_pids(const struct enter *enter, struct error *err);

/* Last: the list, the capabilities, the user. */
int enter_user(const struct enter *enter, const struct account *account, struct error *err);

#endif
