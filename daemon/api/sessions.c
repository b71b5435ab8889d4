/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/handshake.h"
#include "daemon/api/inside.h"
#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum { BEGIN_MS = 10000 };

struct attached {
	struct attached *next;
	struct api *api;
	struct exec_message *exec;   /* owned; NULL once the engine was asked */
	char id[ID_TEXT], realm[ID_TEXT], token[ID_TEXT];
	int64_t token_expires;       /* 0: never */
	char accept[HANDSHAKE_ACCEPT_TEXT];
	struct request *request;     /* which opens it, until it is answered */
	bool waiting;                /* for the engine's answer, or for the connection */
	struct upgrade *upgrade;     /* the open connection */
	struct channel *channel;     /* to the command's process */
	struct loop_source *timer;
	bool over;
};

static struct attached *all;

static void attached_free(void *data)
{
	struct attached *attached = data;

	struct attached **link = &all;
	while (*link != attached)
		link = &(*link)->next;
	*link = attached->next;
	channel_free(attached->channel);
	loop_remove(attached->timer);
	free(attached->exec);
	free(attached);
}

/* Nothing refers to it any more but what may call it just now: it is freed behind that. The command ends with its channel. */
static void attached_finish(struct attached *attached)
{
	struct error err = ERROR_INIT;

	loop_remove(attached->timer);
	attached->timer = loop_add_timer(attached->api->loop, 0, attached_free, attached, &err);
	if (attached->timer == NULL)
		log_error("%s", err.message); /* and is left */
}

static void attached_end(struct attached *attached)
{
	if (attached->over)
		return;
	attached->over = true;
	request_upgrade_close(attached->upgrade);
	attached->upgrade = NULL;
	if (!attached->waiting)
		attached_finish(attached);
}

static void attached_late(void *data)
{
	attached_end(data);
}

static struct attached *attached_find(const char *id, const char *token)
{
	for (struct attached *attached = all; attached != NULL; attached = attached->next)
		if (strcmp(attached->id, id) == 0 && strcmp(attached->token, token) == 0 && attached->exec != NULL &&
		    !attached->over)
			return attached;
	return NULL;
}

static bool room_check(struct request *request)
{
	int count = 0, own = 0;

	for (const struct attached *attached = all; attached != NULL; attached = attached->next) {
		count++;
		own += strcmp(attached->realm, request->realm) == 0;
	}
	if (count < SESSIONS_ATTACHED_MAX && own < SESSIONS_ATTACHED_REALM_MAX)
		return true;
	request_fail(request, 409, "limit", NULL, "too many commands have clients attached: %d may, %d in one realm",
		     SESSIONS_ATTACHED_MAX, SESSIONS_ATTACHED_REALM_MAX);
	return false;
}

void sessions_create(struct request *request, const struct exec_message *exec)
{
	struct error err = ERROR_INIT;
	char expires[TIME_TEXT];

	if (!room_check(request))
		return;
	struct attached *attached = calloc(1, sizeof *attached);
	struct exec_message *copy = malloc(sizeof *copy);
	if (attached != NULL && copy != NULL)
		attached->timer = loop_add_timer(request->api->loop, SESSIONS_WAIT_S * 1000, attached_late, attached, &err);
	if (attached == NULL || copy == NULL || attached->timer == NULL) {
		free(attached);
		free(copy);
		error_set(&err, ENOBUFS, "no memory for a session");
		request_fail_host(request, &err);
		return;
	}
	*copy = *exec;
	attached->api = request->api;
	attached->exec = copy;
	id_generate(attached->id);
	memcpy(copy->session, attached->id, sizeof copy->session);
	memcpy(attached->realm, request->realm, sizeof attached->realm);
	memcpy(attached->token, request->caller.token, sizeof attached->token);
	attached->token_expires = request->caller.expires;
	attached->next = all;
	all = attached;
	time_format(time_now_ms() + SESSIONS_WAIT_S * 1000, expires);
	request_answer(request, 201,
		       json_pack("{s:s, s:s, s:s}", "id", attached->id, "container", request->id, "expires_at", expires));
}

static void session_says(struct channel *channel, struct message *message, void *data)
{
	(void)channel;
	(void)message; /* its end, or that of its process: the client was told by that */
	attached_end(data);
}

/* The connection is open, or NULL: the client has gone before. */
static void session_opened(struct upgrade *upgrade, int socket, void *data)
{
	struct attached *attached = data;
	struct error err = ERROR_INIT;

	attached->waiting = false;
	if (attached->over) {
		request_upgrade_close(upgrade);
		attached_finish(attached);
		return;
	}
	attached->upgrade = upgrade;
	if (upgrade == NULL || channel_send(attached->channel, MESSAGE_EXEC_GO, 0, NULL, 0, socket, &err) == -1)
		attached_end(attached);
}

static int session_take(struct attached *attached, int channel, struct error *err)
{
	int fd = channel == -1 ? -1 : fcntl(channel, F_DUPFD_CLOEXEC, 0);
	int64_t left = attached->token_expires - time_now_ms();

	if (fd == -1)
		return error_errno(err, "the engine's answer brings no session");
	attached->channel = channel_new(attached->api->loop, fd, session_says, attached, err);
	if (attached->channel == NULL) {
		close(fd);
		return -1;
	}
	channel_passing(attached->channel);
	/* It ends with the token that opened it. */
	return attached->token_expires == 0 ? 0 : loop_set_timer(attached->timer, left > 0 ? left : 0, err);
}

static void session_answered(const struct message *answer, const struct error *failure, void *data)
{
	struct attached *attached = data;
	struct request *request = attached->request;
	struct error err = ERROR_INIT;

	attached->request = NULL;
	if (attached->over) {
		error_set(&err, EEXIST, "the token ended meanwhile");
		failure = &err;
	} else if (failure == NULL && session_take(attached, answer->fd, &err) == -1) {
		failure = &err;
	}
	if (failure == NULL) {
		request_answer_add(request, "Sec-WebSocket-Accept", "%s", attached->accept);
		request_answer_upgrade(request, "websocket", session_opened, attached);
		return;
	}
	inside_fail(request, failure);
	attached->over = true;
	attached_finish(attached);
}

void sessions_attach(struct request *request)
{
	struct attached *attached = attached_find(request->id, request->caller.token);
	struct error err = ERROR_INIT;

	if (attached == NULL) {
		request_fail_missing(request, "session", NULL);
		return;
	}
	if (!handshake_read(request, attached->accept))
		return;
	(void)loop_set_timer(attached->timer, -1, &err);
	attached->request = request;
	attached->waiting = true;
	int asked = peer_ask(request->api->engine, MESSAGE_EXEC, attached->exec, sizeof *attached->exec, -1, BEGIN_MS,
			     session_answered, attached, &err);
	free(attached->exec);
	attached->exec = NULL;
	if (asked == -1) {
		inside_fail(request, &err);
		attached->over = true;
		attached_finish(attached);
	}
}

void sessions_revoke(const char *token)
{
	for (struct attached *attached = all; attached != NULL; attached = attached->next)
		if (strcmp(attached->token, token) == 0)
			attached_end(attached);
}
