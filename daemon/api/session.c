/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/peer.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum {
	BEGIN_MS = 10000,  /* for the engine to start the process */
	MARGIN_MS = 30000, /* beyond its own time */
};

struct session {
	struct api *api;
	session_cb *cb; /* NULL: called */
	void *data;
	struct channel *channel;
	struct loop_source *timer;
	uint32_t timeout_ms;
};

static void session_free(void *data)
{
	struct session *session = data;

	channel_free(session->channel);
	loop_remove(session->timer);
	free(session);
}

/* It is freed as soon as no callback of its own is under way. */
static void session_done(struct session *session, const struct exec_end_message *end, int output, const struct error *failure)
{
	struct error err = ERROR_INIT;
	session_cb *cb = session->cb;

	session->cb = NULL;
	loop_remove(session->timer);
	session->timer = loop_add_timer(session->api->loop, 0, session_free, session, &err);
	if (session->timer == NULL)
		log_error("%s", err.message); /* and is left */
	cb(end, output, failure, session->data);
}

static void session_says(struct channel *channel, struct message *message, void *data)
{
	struct session *session = data;
	struct error err = ERROR_INIT;

	(void)channel;
	if (session->cb == NULL)
		return;
	if (message->type == MESSAGE_EXEC_END) {
		session_done(session, message->payload, message->fd, NULL);
		return;
	}
	error_set(&err, EEXIST, "the container ended, or the process that works in it; nobody knows how far it came");
	session_done(session, NULL, -1, &err);
}

static void session_late(void *data)
{
	struct session *session = data;
	struct error err = ERROR_INIT;

	error_set(&err, ETIMEDOUT, "what was done in the container was killed, and has not ended");
	session_done(session, NULL, -1, &err);
}

static int session_go(struct session *session, int channel, struct error *err)
{
	int fd = channel == -1 ? -1 : fcntl(channel, F_DUPFD_CLOEXEC, 0);

	if (fd == -1)
		return error_errno(err, "the engine's answer brings no session");
	session->channel = channel_new(session->api->loop, fd, session_says, session, err);
	if (session->channel == NULL) {
		close(fd);
		return -1;
	}
	channel_passing(session->channel);
	session->timer = loop_add_timer(session->api->loop, (int64_t)session->timeout_ms + MARGIN_MS, session_late, session, err);
	if (session->timer == NULL)
		return -1;
	return channel_send(session->channel, MESSAGE_EXEC_GO, 0, NULL, 0, -1, err);
}

static void session_answered(const struct message *answer, const struct error *failure, void *data)
{
	struct session *session = data;
	struct error err = ERROR_INIT;

	if (failure != NULL)
		session_done(session, NULL, -1, failure);
	else if (session_go(session, answer->fd, &err) == -1)
		session_done(session, NULL, -1, &err);
}

int session_start(struct api *api, struct exec_message *exec, int fd, session_cb *cb, void *data, struct error *err)
{
	struct session *session = calloc(1, sizeof *session);

	if (session == NULL)
		return error_set(err, ENOBUFS, "no memory for what is done in a container");
	*session = (struct session){ .api = api, .cb = cb, .data = data, .timeout_ms = exec->timeout_ms };
	id_generate(exec->session);
	if (peer_ask(api->engine, MESSAGE_EXEC, exec, sizeof *exec, fd, BEGIN_MS, session_answered, session, err) == -1) {
		free(session);
		return -1;
	}
	return 0;
}

int session_failure(const struct exec_end_message *end, struct error *err)
{
	if (end->code == 0)
		return 0;
	error_field(err, end->field, "%s", end->message);
	err->code = (int)end->code;
	return -1;
}
