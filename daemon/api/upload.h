/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upload: a body on its way into the spool. The file has no name (O_TMPFILE):
 * whatever cuts the upload, nothing is left.
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
	UPLOADS_MAX = 4,       /* at the same time, from their first byte until the engine has unpacked them */
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

void upload_free(struct upload *upload); /* takes NULL */

#endif
