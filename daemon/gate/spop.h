/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spop: frames of HAProxy's stream processing offload protocol, version 2.0 (HAProxy, doc/SPOE.txt, section 3): what
 * an agent reads and writes.
 */
#ifndef BULKHEAD_SPOP_H
#define BULKHEAD_SPOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SPOP_FRAME_MAX = 16380, /* bytes without the length in front; HAProxy's own limit is tune.bufsize - 4 */
	SPOP_LENGTH = 4,        /* bytes of that length, network byte order */
};

enum spop_type {
	SPOP_HAPROXY_HELLO = 1,
	SPOP_HAPROXY_DISCONNECT = 2,
	SPOP_NOTIFY = 3,
	SPOP_AGENT_HELLO = 101,
	SPOP_AGENT_DISCONNECT = 102,
	SPOP_ACK = 103,
};

enum { SPOP_FLAG_FIN = 1 };

/* What is left to read. */
struct spop_reader {
	const uint8_t *at, *end;
};

struct spop_frame {
	uint8_t type;
	uint32_t flags;
	uint64_t stream, number; /* an answer carries both */
	struct spop_reader payload;
};

enum spop_kind { SPOP_NULL, SPOP_BOOLEAN, SPOP_NUMBER, SPOP_IPV4, SPOP_IPV6, SPOP_STRING };

struct spop_value {
	enum spop_kind kind;
	bool boolean;
	uint64_t number;
	const uint8_t *bytes; /* of addresses and strings (also of binary data); in the frame */
	size_t size;
};

/* A frame of size bytes, without its length. False: it is malformed. */
bool spop_frame_read(const uint8_t *bytes, size_t size, struct spop_frame *ret_frame);

/* What comes next; false: it is malformed, or ends too early. */
bool spop_read_name(struct spop_reader *reader, const char **ret_name, size_t *ret_size);
bool spop_read_value(struct spop_reader *reader, struct spop_value *ret_value);
bool spop_read_byte(struct spop_reader *reader, uint8_t *ret_byte);

/* A frame that is made; with failed set nothing of it is good. */
struct spop_writer {
	uint8_t bytes[SPOP_LENGTH + SPOP_FRAME_MAX];
	size_t size;
	bool failed; /* it did not fit */
};

void spop_begin(struct spop_writer *writer, enum spop_type type, uint64_t stream, uint64_t number);
void spop_pair_text(struct spop_writer *writer, const char *name, const char *text);
void spop_pair_number(struct spop_writer *writer, const char *name, uint32_t number);

/* Action of an ACK: a variable of the transaction gets a value. */
void spop_set_text(struct spop_writer *writer, const char *name, const char *text);
void spop_set_boolean(struct spop_writer *writer, const char *name, bool value);

/* Puts the length in front. */
void spop_end(struct spop_writer *writer);

#endif
