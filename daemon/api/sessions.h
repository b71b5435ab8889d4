/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sessions: commands with a client attached to them. One is made with POST
 * .../exec, waits a little for its client, and is opened by GET /sessions/ID as a
 * websocket, once, by the token that made it. The connection itself is handed to the process
 * that carries the command (daemon/engine/attach.h); what is left here ends it
 * when its token ends.
 */
#ifndef BULKHEAD_API_SESSIONS_H
#define BULKHEAD_API_SESSIONS_H

#include "daemon/lib/protocol.h"

struct request;

enum {
	SESSIONS_ATTACHED_MAX = 64,       /* waiting or open */
	SESSIONS_ATTACHED_REALM_MAX = 32, /* of them in one realm */
	SESSIONS_WAIT_S = 30,
};

/* Keeps exec, for the container request->id in request->realm, and answers. */
void sessions_create(struct request *request, const struct exec_message *exec);

/* Ends what a token opened. */
void sessions_revoke(const char *token);

#endif
