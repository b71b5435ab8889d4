/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layout: an OCI image layout (OCI image specification 1.1, "Image Layout") as one tar: oci-layout, index.json, blobs/sha256/<hex>.
 */
#ifndef BULKHEAD_LAYOUT_H
#define BULKHEAD_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hex.h"

struct descriptor;
struct error;
struct layout;

/* Writes to fd, from where it stands; it stays the caller's. NULL with err. */
struct layout *layout_open(int fd, struct error *err);

/* Begins a blob of exactly size bytes, which layout_data() then brings in any number of pieces. */
int layout_blob(struct layout *layout, const char digest[DIGEST_TEXT], uint64_t size, struct error *err);
int layout_data(struct layout *layout, const void *data, size_t size, struct error *err);

/* Ends the archive with an index of one image. */
int layout_finish(struct layout *layout, const struct descriptor *manifest, struct error *err);

void layout_close(struct layout *layout); /* takes NULL; what was not finished is no archive */

#endif
