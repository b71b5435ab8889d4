/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reply: what the engine says to api. A frame that does not go out is logged: nobody
 * could act on it, and api asks again.
 */
#ifndef BULKHEAD_REPLY_H
#define BULKHEAD_REPLY_H

#include <stddef.h>
#include <stdint.h>

struct channel;
struct error;

/* The channel to api, which stays the caller's. */
void reply_init(struct channel *channel);

void reply_frame(uint32_t type, uint64_t serial, const void *payload, size_t size);

/* The same with a descriptor, the caller's. */
void reply_file(uint32_t type, uint64_t serial, const void *payload, size_t size, int fd);

/* RESULT; err NULL: success. Serial 0: nobody waits, an error is logged. */
void reply(uint64_t serial, const struct error *err);

/* Answers a request whose work is done (result 0), or which could not be begun. */
void reply_now(uint64_t serial, int result, const struct error *err);

#endif
