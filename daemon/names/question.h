/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * question: one question of a container, from its bytes to the bytes of its answer
 * (RFC 1035, 6891): may it ask (the engine knows), what do the host's resolvers say, may
 * it go there (the engine opens the way before the container hears of it).
 */
#ifndef BULKHEAD_QUESTION_H
#define BULKHEAD_QUESTION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel;
struct message;

enum {
	QUESTION_MAX = 1024, /* bytes of one that is taken */
	ANSWER_UDP_MAX = 1232, /* of an answer by UDP: fits every network in one piece (RFC 9715) */
};

/* Called once with the answer, which is gone when it returns; size 0: there is none. */
typedef void question_cb(const uint8_t *answer, size_t size, void *data);

/* The channel to the engine, which stays the caller's. */
void question_init(struct channel *engine);

/*
 * Takes a question over that the container at from asks (IPv4: mapped), of which at most so
 * many are under way; cb may be called before this returns. stream: it came by TCP.
 */
void question_take(const struct in6_addr *from, const uint8_t *bytes, size_t size, bool stream, question_cb *cb, void *data);

/* Gives up those that the engine has not answered for long: it was killed. Now and then. */
void question_expire(void);

/* NAME_VERDICT or RESULT of the engine. */
void question_answered(const struct message *message);

#endif
