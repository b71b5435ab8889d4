/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pack: a tree as the layer of an image: a tar (pax, by libarchive), compressed with zstd as it
 * is written. The tree may be a tenant's: links are not followed.
 */
#ifndef BULKHEAD_PACK_H
#define BULKHEAD_PACK_H

#include <stdint.h>

#include "daemon/lib/hex.h"

struct error;

struct pack {
	char plain[DIGEST_TEXT];  /* SHA-256 of the tar */
	char packed[DIGEST_TEXT]; /* of what was written */
	uint64_t size;            /* of that */
};

/*
 * Writes to out, from where it stands, at most bytes_max bytes (ENOSPC). Owners
 * are those of the container whose root is id_base on disk; what is not of its range
 * is root's. Sockets are left out; attributes are kept but those of overlayfs and ACLs.
 */
int pack_tree(int top, uint32_t id_base, int out, uint64_t bytes_max, struct pack *ret_pack, struct error *err);

#endif
