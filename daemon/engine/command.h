/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command: from a fork of role `exec` to the client's program inside the
 * container, or to what is done there with files. The program's process makes the ends of its output itself, as the container's user: a
 * pipe that the host made could not be opened by name there (/dev/stdout).
 */
#ifndef BULKHEAD_COMMAND_H
#define BULKHEAD_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/engine/place.h"
#include "daemon/lib/error.h"

struct enter;
struct session_spec;

/* What it tells role exec over a SOCK_SEQPACKET socket: once its output, and once more if it cannot go on. */
struct command_report {
	struct error err;   /* code 0: two descriptors come along, to read output and errors from; or none, and */
	struct place place; /* what was found at the path of EXEC_PULL */
};

/*
 * Makes the process, in the container's pid namespace and in the control group of
 * the descriptor. *ret_report is the socket, the caller's; the program runs when it
 * ends without an error. Input is SESSION_FD_INPUT.
 */
pid_t command_fork(const struct session_spec *spec, const struct enter *enter, int group, int *ret_report,
		   struct error *err);

/* 1 and the report, with its descriptors or -1; 0 the program runs or the process is gone; -1 nothing there yet. */
int command_report(int socket, struct command_report *ret_report, int ret_fds[2]);

#endif
