/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command: from a fork of role `exec` to the client's program inside the
 * container, or to what is done there with files. The program's process makes the ends of its output itself, as the container's user: a
 * pipe that the host made could not be opened by name there (/dev/stdout).
 */
#ifndef BULKHEAD_COMMAND_H
#define BULKHEAD_COMMAND_H

#include <stddef.h>
#include <sys/types.h>

#include "daemon/engine/place.h"
#include "daemon/lib/error.h"

struct enter;
struct session_spec;

/* What it tells role exec over a SOCK_SEQPACKET socket: once its ends, and once more if it cannot go on; err.code is 0 if it can. */
struct command_report {
	struct error err;
	struct place place; /* what was found at the path of EXEC_PULL */
};

/*
 * The command's other ends, which come with the first report of one: output and
 * errors to read; if a client is attached to it, its input before these, or the master of
 * its terminal alone.
 */
enum { COMMAND_ENDS_MAX = 3 };

/*
 * Makes the process, in the container's pid namespace and in the control group of
 * the descriptor. *ret_report is the socket, the caller's; the program runs when it
 * ends without an error. Input is SESSION_FD_INPUT.
 */
pid_t command_fork(const struct session_spec *spec, const struct enter *enter, int group, int *ret_report,
		   struct error *err);

/* 1 and the report, with its descriptors; 0 the program runs or the process is gone; -1 nothing there yet. */
int command_report(int socket, struct command_report *ret_report, int ret_fds[COMMAND_ENDS_MAX], size_t *ret_count);

#endif
