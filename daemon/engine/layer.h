/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layer: unpacked images, ENGINE_LAYERS/sha256-<hex>/, never changed once they
 * have that name. Their root is host id ID_LAYER_BASE.
 */
#ifndef BULKHEAD_LAYER_H
#define BULKHEAD_LAYER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/lib/hex.h"

struct error;
struct image_message;
struct loop;
struct result_message;

typedef void layer_done_cb(const struct result_message *result, void *data);

/* Makes the folder and removes what an interrupted import or removal left. */
int layer_init(struct loop *loop, struct error *err);

bool layer_exists(const char digest[DIGEST_TEXT]);

/* Fills bytes and entries with what its import answered. ENOENT: not known. */
int layer_size(const char digest[DIGEST_TEXT], struct result_message *ret_result, struct error *err);

void layer_path(const char digest[DIGEST_TEXT], char path[PATH_MAX]);

/*
 * Unpacks the tar at fd (the caller keeps it) in a child; cb once it has ended,
 * also on failure. Not called when -1 is returned. The layer must not exist yet. At most LAYER_IMPORTS_MAX at a time, EBUSY beyond.
 */
enum { LAYER_IMPORTS_MAX = 2 };
int layer_import(struct loop *loop, const struct image_message *image, int fd, layer_done_cb *cb, void *data,
		 struct error *err);

/* The name is gone on return, the files some time later. Gone already is success. */
int layer_delete(struct loop *loop, const char digest[DIGEST_TEXT], struct error *err);

/* Calls keep for each layer and deletes those it says no to; err is the first that could not be deleted. */
int layer_sweep(struct loop *loop, bool (*keep)(const char digest[DIGEST_TEXT], void *data), void *data,
		struct error *err);

#endif
