/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cage: work on what strangers sent, in a process that is root of nothing: own
 * user, mount, network, ipc, uts, cgroup and pid namespaces, one folder as its
 * root, a seccomp list, and the descriptors below.
 *
 * What comes out is one result of a fixed size and, on the way, descriptors.
 */
#ifndef BULKHEAD_CAGE_H
#define BULKHEAD_CAGE_H

#include <stddef.h>

struct error;

enum {
	CAGE_FD_INPUT = 0,
	CAGE_FD_CHANNEL = 1, /* for cage_give() */
	CAGE_FD_SECOND = 3,  /* struct cage's second */
};

struct cage {
	const char *folder; /* its root, which belongs to ID_LAYER_BASE; NULL: one that is empty and read-only */
	int input, second;  /* the caller's; second -1: none */
	int (*confine)(struct error *err);              /* loads the list of system calls */
	int (*work)(void *result, void *data, struct error *err); /* in the cage */
	int (*given)(int fd, void *data, struct error *err);      /* in the caller: of cage_give(). fd is closed behind it. May be NULL */
	void *data;
};

/*
 * Runs it to its end. The caller is root in a child of its own (it loses sight
 * of the host's files for good) and has loaded what work needs from there. On 0
 * work has returned 0 and *ret_result is what it filled in.
 */
int cage_run(const struct cage *cage, void *ret_result, size_t size, struct error *err);

/* In the cage: hands a descriptor out. */
int cage_give(int fd, struct error *err);

#endif
