/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest: which blobs an image consists of (OCI image specification 1.1: image index and image manifest; Docker's manifest list and manifest version 2 schema 2,
 * which have the same shape). Made for linux/amd64.
 */
#ifndef BULKHEAD_MANIFEST_H
#define BULKHEAD_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hex.h"

struct error;

enum {
	MANIFEST_LAYERS_MAX = 128,
	MANIFEST_INDEX_MAX = 1024,         /* entries of an index */
	MANIFEST_CONFIG_MAX = 4 << 20,     /* bytes */
	MANIFEST_MEDIA_TYPE_MAX = 127,
};

struct descriptor {
	char media_type[MANIFEST_MEDIA_TYPE_MAX + 1]; /* "" when not said */
	char digest[DIGEST_TEXT];                     /* hex of the SHA-256 */
	uint64_t size;                                /* bytes */
};

struct manifest {
	char media_type[MANIFEST_MEDIA_TYPE_MAX + 1]; /* "" when not said */
	struct descriptor config;
	struct descriptor layers[MANIFEST_LAYERS_MAX]; /* lowest first; the same may come twice */
	unsigned layer_count;
};

/*
 * Reads an index or a manifest. Returns 1 with *ret_manifest, or 0 with *ret_entry, the index's entry for linux/amd64 whose manifest has to be
 * read next; -1 with err (EBADMSG; ENOENT: nothing for this platform).
 */
int manifest_parse(const char *text, size_t size, struct manifest *ret_manifest, struct descriptor *ret_entry, struct error *err);

#endif
