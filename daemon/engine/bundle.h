/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bundle: what an archive of an image is: a root file system as one tar, or
 * several tars with JSON around them: an OCI image layout (image specification
 * 1.1, "Image Layout Specification") or what `docker save` writes. All of them
 * plain or compressed as a whole, by gzip, xz or zstd. Runs in a cage (cage.h).
 *
 * A layout is believed before a docker archive where both are in it, as newer
 * versions of docker write them. What is named by a digest is checked by it.
 */
#ifndef BULKHEAD_BUNDLE_H
#define BULKHEAD_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/engine/stream.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/protocol.h"

struct error;

enum { BUNDLE_MEMBERS_MAX = 16384 };

struct bundle {
	struct image_content_message content; /* bytes and entries are 0 yet; layer_count 0: a root file system, to be unpacked as it is */
	struct slice tars[CONTAINER_LAYERS_MAX]; /* of the layers; their fd means nothing */
	char packed[CONTAINER_LAYERS_MAX][DIGEST_TEXT]; /* SHA-256 of the slice, or "" where the archive does not tell it */
	bool unpacked; /* the slices are in the second file, which has the archive without its compression */
};

/*
 * Looks through archive. scratch is an empty file, used for a compressed archive
 * of several tars; it takes bytes_max at most. EINVAL with a field where the
 * archive is not what it seems to be.
 *
 * A layer that is in an image more than once is told once, as the highest: what
 * it changes it changes there again, and overlayfs takes no folder twice.
 *
 * bundle_prepare() loads what could not be found after the change of root; it
 * holds for one bundle_read().
 */
int bundle_prepare(struct error *err);
int bundle_read(const struct slice *archive, int scratch, uint64_t bytes_max, struct bundle *ret_bundle, struct error *err);

#endif
