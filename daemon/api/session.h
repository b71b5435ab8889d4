/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session: something done inside a running container by a process of its own
 * (role exec, daemon/engine/session.h): a command, or a file in or out. The engine
 * gives a channel to that process, which is told to go; its end comes back.
 * Whatever happens to the request, to api or to the engine: nothing is done twice,
 * and a process whose channel is gone ends what it began.
 */
#ifndef BULKHEAD_API_SESSION_H
#define BULKHEAD_API_SESSION_H

#include "daemon/lib/protocol.h"

struct api;
struct error;

/* Called once. failure: nobody has seen its end; else end, with the descriptor of what a command wrote (borrowed, or -1). */
typedef void session_cb(const struct exec_end_message *end, int output, const struct error *failure, void *data);

/*
 * Fills exec->session; exec->id is the container's. fd (or -1) is duplicated. -1:
 * not begun, and cb is not called. failure->code: EEXIST the container does not run
 * or ended, EMLINK too much is done at a time.
 */
int session_start(struct api *api, struct exec_message *exec, int fd, session_cb *cb, void *data, struct error *err);

/* What kept it from being done, by its own account: as err, with its code and field. 0 if nothing did. */
int session_failure(const struct exec_end_message *end, struct error *err);

#endif
