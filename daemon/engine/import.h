/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * import: an archive of an image becomes layers on disk. A child looks what it
 * is (bundle.h), then its layers are unpacked one after the other (layer.h).
 * The answer comes when all of them are on disk, or none that was not there before.
 */
#ifndef BULKHEAD_IMPORT_H
#define BULKHEAD_IMPORT_H

#include <stdbool.h>

#include "daemon/lib/hex.h"

struct error;
struct image_content_message;
struct image_message;
struct loop;

/* content is NULL on failure: then err says why. */
typedef void import_done_cb(const struct image_content_message *content, const struct error *err, void *data);

/*
 * Takes a copy of fd, a regular file. cb once all has ended; not called when -1
 * is returned. At most IMPORTS_MAX at a time, EAGAIN beyond.
 */
enum { IMPORTS_MAX = 2 };
int import_begin(struct loop *loop, const struct image_message *image, int fd, import_done_cb *cb, void *data,
		 struct error *err);

/* True if an import under way needs the layer. */
bool import_uses(const char digest[DIGEST_TEXT]);

#endif
