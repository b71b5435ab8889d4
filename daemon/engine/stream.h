/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream: a part of a file, plain or compressed by gzip, xz or zstd (told by its
 * first bytes), read as plain bytes and hashed on both sides. One at a time in a
 * process; used by what is caged.
 *
 * Against bombs: one compression, not several inside each other; behind the
 * first STREAM_FREE bytes at most STREAM_RATIO bytes for each that was read.
 * Memory is limited by the process.
 */
#ifndef BULKHEAD_STREAM_H
#define BULKHEAD_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/lib/hex.h"

struct error;
struct stream;

enum {
	STREAM_FREE = 64 << 20,
	STREAM_RATIO = 200,
};

enum stream_hash {
	STREAM_HASH_NONE,  /* what is skipped in a plain file is then not even read */
	STREAM_HASH_INPUT,
	STREAM_HASH_BOTH,
};

struct slice {
	int fd;                /* the caller's; it is read by position */
	uint64_t offset, size; /* bytes */
};

/* Loads what could not be found after a change of root. NULL with err. */
struct stream *stream_new(enum stream_hash hash, struct error *err);
void stream_free(struct stream *stream); /* takes NULL */

/* Begins to read, also once more. EINVAL with field "tar" if the compression cannot be read. */
int stream_open(struct stream *stream, const struct slice *slice, struct error *err);

bool stream_compressed(const struct stream *stream);

/* The next plain bytes, valid until the next call; 0 at the end, -1 with err. */
ssize_t stream_read(struct stream *stream, const void **ret_block, struct error *err);

/* Passes over up to size bytes and returns how many, 0 if that cannot be done without reading them. */
int64_t stream_skip(struct stream *stream, int64_t size);

/* Reads to the end and tells the digests of what was hashed; either may be NULL. */
int stream_finish(struct stream *stream, char ret_input[DIGEST_TEXT], char ret_plain[DIGEST_TEXT], struct error *err);

#endif
