/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "daemon/lib/clock.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum {
	SWEEP_MS = 250,
	SENDS_MAX = 3,
	QUESTIONS_MAX = 4096,
};

struct question {
	struct question *next;
	uint64_t serial;
	int64_t deadline_ms;
	uint32_t type;
	uint32_t round; /* of the peer, when it was sent last */
	int sends;
	int fd; /* own, or -1 */
	peer_answer_cb *cb;
	void *data;
	size_t size;
	_Alignas(16) unsigned char payload[];
};

struct peer {
	const char *name;
	struct channel *channel;
	struct loop_source *timer;
	struct peer_events events;
	struct question *questions; /* oldest first */
	size_t count;
	uint64_t serial;            /* begins at random: answers to an earlier api process must not fit */
	uint32_t round;             /* one for each process of the peer; what was sent to an earlier one is sent again */
	bool held;
};

static struct question *question_take(struct peer *peer, struct question **link)
{
	struct question *question = *link;

	*link = question->next;
	peer->count--;
	return question;
}

static void question_end(struct question *question, const struct message *answer, const struct error *err)
{
	question->cb(answer, err, question->data);
	if (question->fd != -1)
		close(question->fd);
	free(question);
}

static int question_send(struct peer *peer, struct question *question, struct error *err)
{
	if (channel_send(peer->channel, question->type, question->serial, question->payload, question->size, question->fd,
			 err) == -1)
		return -1;
	question->sends++;
	question->round = peer->round;
	return 0;
}

/* Sends what this process of the peer has not got. What does not fit into the channel waits for the next sweep. */
static void questions_send(struct peer *peer)
{
	struct error err = ERROR_INIT;

	for (struct question **link = &peer->questions; *link != NULL && !peer->held;) {
		struct question *question = *link;
		if (question->round != peer->round && question->sends >= SENDS_MAX) {
			error_set(&err, EPIPE, "%s ended %d times over this request", peer->name, question->sends);
			question_end(question_take(peer, link), NULL, &err);
			/* The callback may have asked more: start over, past those that are sent. */
			link = &peer->questions;
			continue;
		}
		if (question->round != peer->round && question_send(peer, question, &err) == -1) {
			log_warning("%s", err.message);
			return;
		}
		link = &question->next;
	}
}

void peer_hold(struct peer *peer)
{
	peer->held = true;
}

void peer_release(struct peer *peer)
{
	peer->held = false;
	questions_send(peer);
}

static void peer_hello(struct peer *peer)
{
	log_info("%s is there", peer->name);
	peer->round++;
	peer->held = false;
	peer->events.hello(peer, peer->events.data);
	questions_send(peer);
}

static void peer_answer(struct peer *peer, const struct message *message)
{
	struct error err = ERROR_INIT;

	for (struct question **link = &peer->questions; *link != NULL; link = &(*link)->next) {
		if ((*link)->serial != message->serial)
			continue;
		struct question *question = question_take(peer, link);
		if (message->type == MESSAGE_RESULT) {
			const struct result_message *result = message->payload;
			if (result->code != 0) {
				error_field(&err, result->field, "%s", result->message);
				err.code = (int)result->code;
				question_end(question, NULL, &err);
				return;
			}
		}
		question_end(question, message, NULL);
		return;
	}
	/* Late, or to a process before this one: what it is about was asked again since. */
	log_debug("%s answered a question nobody asks any more", peer->name);
}

static void peer_message(struct channel *channel, struct message *message, void *data)
{
	struct peer *peer = data;

	(void)channel;
	switch (message->type) {
	case 0:
		peer->events.closed(peer, peer->events.data);
		break;
	case MESSAGE_HELLO:
		peer_hello(peer);
		break;
	case MESSAGE_RESULT:
	case MESSAGE_HOST_STATUS_REPLY:
	case MESSAGE_EXEC_REPLY:
	case MESSAGE_IMAGE_CONTENT:
	case MESSAGE_USAGE_REPLY:
	case MESSAGE_MERGING_REPLY:
	case MESSAGE_COMPACT_REPLY:
	case MESSAGE_COPY_REPLY:
	case MESSAGE_EXPORT_REPLY:
	case MESSAGE_RULES_COUNT_REPLY:
	case MESSAGE_CERTIFICATE_REPLY:
	case MESSAGE_PASSWORD_HASH_REPLY:
	case MESSAGE_AUDIT_REPLY:
		peer_answer(peer, message);
		break;
	default: /* not our enum: any number can be in a frame */
		peer->events.event(peer, message, peer->events.data);
		break;
	}
}

static void peer_sweep(void *data)
{
	struct peer *peer = data;
	struct error err = ERROR_INIT;
	int64_t now = clock_ms();

	for (struct question **link = &peer->questions; *link != NULL;) {
		if ((*link)->deadline_ms > now) {
			link = &(*link)->next;
			continue;
		}
		error_set(&err, ETIMEDOUT, "%s did not answer in time", peer->name);
		question_end(question_take(peer, link), NULL, &err);
		link = &peer->questions;
	}
	questions_send(peer);
	if (loop_set_timer(peer->timer, SWEEP_MS, &err) == -1)
		log_error("%s", err.message);
}

struct peer *peer_new(struct loop *loop, int fd, const char *name, const struct peer_events *events,
		      struct error *err)
{
	struct peer *peer = calloc(1, sizeof *peer);

	if (peer == NULL) {
		error_set(err, ENOMEM, "no memory for the peer %s", name);
		return NULL;
	}
	peer->name = name;
	peer->round = 1;
	peer->events = *events;
	if (getrandom(&peer->serial, sizeof peer->serial, 0) != (ssize_t)sizeof peer->serial)
		abort(); /* cannot happen for 8 bytes, getrandom(2) */
	peer->timer = loop_add_timer(loop, SWEEP_MS, peer_sweep, peer, err);
	peer->channel = peer->timer == NULL ? NULL : channel_new(loop, fd, peer_message, peer, err);
	if (peer->channel == NULL) {
		peer_free(peer);
		return NULL;
	}
	return peer;
}

void peer_free(struct peer *peer)
{
	if (peer == NULL)
		return;
	while (peer->questions != NULL) {
		struct question *question = question_take(peer, &peer->questions);
		if (question->fd != -1)
			close(question->fd);
		free(question);
	}
	channel_free(peer->channel);
	loop_remove(peer->timer);
	free(peer);
}

int peer_tell(struct peer *peer, uint32_t type, const void *payload, size_t size, int fd, struct error *err)
{
	return channel_send(peer->channel, type, 0, payload, size, fd, err);
}

int peer_ask(struct peer *peer, uint32_t type, const void *payload, size_t size, int fd, int64_t timeout_ms,
	     peer_answer_cb *cb, void *data, struct error *err)
{
	if (peer->count == QUESTIONS_MAX)
		return error_set(err, EPIPE, "too many requests wait for %s", peer->name);
	struct question *question = malloc(sizeof *question + size);
	if (question == NULL)
		return error_set(err, ENOMEM, "no memory for a request to %s", peer->name);
	if (++peer->serial == 0)
		peer->serial = 1; /* 0 marks events */
	*question = (struct question){ .serial = peer->serial, .deadline_ms = clock_ms() + timeout_ms, .type = type,
				       .fd = -1, .cb = cb, .data = data, .size = size };
	if (size > 0)
		memcpy(question->payload, payload, size);
	if (fd != -1) {
		question->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (question->fd == -1) {
			error_errno(err, "cannot pass a file to %s", peer->name);
			free(question);
			return -1;
		}
	}
	if (!peer->held && question_send(peer, question, err) == -1) {
		if (question->fd != -1)
			close(question->fd);
		free(question);
		return -1;
	}
	struct question **last = &peer->questions;
	while (*last != NULL)
		last = &(*last)->next;
	*last = question;
	peer->count++;
	return 0;
}
