/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session: a command run in a running container for a client of api, as the
 * engine sees it: a process of role `exec` for each, which it starts and forgets.
 * Client and command hang on that process alone, so both outlive the engine.
 *
 * Two control groups belong to each. bulkhead.slice/sessions/<container>.<session>
 * holds the role, from its first moment; <container's group>/exec.<session> the
 * command and what it makes. Who counts sessions counts groups of the first kind
 * with something alive in them. Groups without are removed on the way, those of
 * commands only when their session's is gone: a new one is empty for a moment.
 */
#ifndef BULKHEAD_SESSION_H
#define BULKHEAD_SESSION_H

#include <stdint.h>

#include "daemon/engine/cgroup.h"
#include "daemon/lib/protocol.h"

struct container;
struct error;
struct loop;

enum {
	SESSIONS_MAX = 128,          /* on the host */
	SESSIONS_CONTAINER_MAX = 16, /* of one container */
};

/* What the role inherits. */
enum {
	SESSION_FD_SPEC = 3,    /* a memfd with struct session_spec */
	SESSION_FD_CHANNEL = 4, /* to api */
	SESSION_FD_INIT = 5,    /* pidfd of the container's init */
	SESSION_FD_INPUT = 6,   /* standard input of the command: a file, or /dev/null */
};

struct session_spec {
	struct exec_message exec;
	char realm[ID_TEXT];
	int32_t init;              /* pid */
	uint32_t merge;
	uint32_t environment_size;
	char environment[ENVIRONMENT_MAX]; /* the container's own */
};

/*
 * Starts the role for a running container; input (or -1) is duplicated.
 * *ret_channel is api's end, the caller's. Fails with EMLINK beyond the limits,
 * EEXIST if the container does not run.
 */
int session_begin(struct loop *loop, const struct container *c, const struct exec_message *exec, int input,
		  int *ret_channel, struct error *err);

/* Ends all sessions of a container at once. */
void session_kill(const char *id);

/* The two groups, as in cgroup.h. */
void session_group(const char *id, const char *session, char path[CGROUP_TEXT]);
void session_command_group(const char *realm, const char *id, const char *session, char path[CGROUP_TEXT]);

#endif
