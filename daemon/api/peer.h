/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer: questions of api to engine and gate, and their answers.
 *
 * A question lives until it is answered or late. When the peer starts again
 * (HELLO), api first tells it the whole truth, then every open question is sent
 * again: all of them are idempotent. A peer that ended three times over the same
 * question gets it no more.
 *
 * The truth may take a while (sync.h): until then questions are held back, so
 * that none overtakes it. What was decided while it was told is asked after it.
 */
#ifndef BULKHEAD_PEER_H
#define BULKHEAD_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/error.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"

struct loop;
struct peer;

/*
 * The answer to one question, called exactly once and never from peer_ask().
 * err is NULL if it succeeded; otherwise what the peer said, or ETIMEDOUT or
 * EPIPE when it said nothing. answer is NULL then.
 */
typedef void peer_answer_cb(const struct message *answer, const struct error *err, void *data);

struct peer_events {
	void (*hello)(struct peer *peer, void *data);                            /* tell it all; peer_hold() if that takes longer */
	void (*event)(struct peer *peer, const struct message *message, void *data); /* a frame without question */
	void (*closed)(struct peer *peer, void *data);
	void *data;
};

/* name is for messages ("engine") and kept by reference. */
struct peer *peer_new(struct loop *loop, int fd, const char *name, const struct peer_events *events,
		      struct error *err);

/* Takes NULL; not from its own callbacks. Open questions are dropped without an answer. */
void peer_free(struct peer *peer);

/* Sends a frame that is not answered; fd (or -1) is duplicated. */
int peer_tell(struct peer *peer, uint32_t type, const void *payload, size_t size, int fd, struct error *err);

/* Between them no question is sent, but taken. */
void peer_hold(struct peer *peer);
void peer_release(struct peer *peer);

/* Asks; payload is copied, fd (or -1) duplicated. On -1 the callback is not called. */
int peer_ask(struct peer *peer, uint32_t type, const void *payload, size_t size, int fd, int64_t timeout_ms,
	     peer_answer_cb *cb, void *data, struct error *err);

#endif
