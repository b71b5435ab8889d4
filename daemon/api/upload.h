/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upload: a body on its way into the spool, or a file of a container on its way
 * out. It has no name (O_TMPFILE): whatever cuts the way, nothing is left.
 */
#ifndef BULKHEAD_UPLOAD_H
#define BULKHEAD_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hex.h"

struct error;
struct request;
struct upload;

enum {
	UPLOADS_MAX = 4,       /* at the same time, from their first byte until the engine has unpacked them, or the client has it */
	UPLOADS_REALM_MAX = 2, /* of them for one realm, or for the host: nobody can keep all others out */
};

#define UPLOAD_BYTES_MAX (UINT64_C(16) << 30)

/* For request->realm. declared: Content-Length, or UINT64_MAX. Answers the request and returns NULL when it cannot be taken. */
struct upload *upload_open(struct request *request, uint64_t declared);

/* Answers the request when it goes wrong: too large, disk full. */
void upload_write(struct upload *upload, struct request *request, const void *data, size_t size);

/* After the last byte: the SHA-256 of all. */
int upload_finish(struct upload *upload, char ret_digest[DIGEST_TEXT], struct error *err);

/* Then: a descriptor for reading from the start. It stays the upload's. */
int upload_reader(const struct upload *upload);

/* For a file that the engine fills: where to, how much at most, and afterwards a descriptor of its own to read it, the caller's. */
int upload_file(const struct upload *upload);
uint64_t upload_room(const struct upload *upload);
int upload_copy(const struct upload *upload, struct error *err);

void upload_free(struct upload *upload); /* takes NULL */

#endif
