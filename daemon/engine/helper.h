/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * helper: the start helper of one container as the engine sees it. start.h is
 * the contract between the two.
 */
#ifndef BULKHEAD_HELPER_H
#define BULKHEAD_HELPER_H

#include <sys/types.h>

struct container;
struct error;
struct start_result;

/*
 * Makes what must stand before a container can run (run-time folder, no leftover
 * groups, firewall elements), forks the helper and executes role start with the
 * container's message. Returns its pid, a child to be reaped, and in *ret_socket
 * the caller's end of its result socket. -1 with err: what was made goes with the
 * container's end.
 */
pid_t helper_fork(const struct container *container, int *ret_socket, struct error *err);

/*
 * Takes the result of a helper that has ended. pidfds are the caller's, -1 when
 * none came. -1: it ended without a word.
 */
int helper_result(int socket, struct start_result *ret_result, int ret_pidfds[2]);

#endif
