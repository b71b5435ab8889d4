/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layer: unpacked tars, ENGINE_LAYERS/sha256-<hex>/, never changed once they
 * have that name. Their root is host id ID_LAYER_BASE. A layer of an OCI or
 * docker image is named by the SHA-256 of its plain tar, and so is the same in
 * every image; a root file system by that of the archive as it was sent.
 */
#ifndef BULKHEAD_LAYER_H
#define BULKHEAD_LAYER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/engine/stream.h"
#include "daemon/lib/hex.h"

struct error;
struct loop;
struct result_message;

typedef void layer_done_cb(const struct result_message *result, void *data);

/* Makes the folder and removes what an interrupted import or removal left. */
int layer_init(struct loop *loop, struct error *err);

bool layer_exists(const char digest[DIGEST_TEXT]);

/* Fills bytes and entries with what its import answered. ENOENT: not known. */
int layer_size(const char digest[DIGEST_TEXT], struct result_message *ret_result, struct error *err);

void layer_path(const char digest[DIGEST_TEXT], char path[PATH_MAX]);

struct layer_source {
	char name[DIGEST_TEXT];   /* what the layer is to be */
	char packed[DIGEST_TEXT]; /* SHA-256 of the slice, where the image tells it, or "" */
	struct slice tar;         /* plain or compressed; the caller keeps fd */
	uint64_t bytes_max, entries_max;
	bool of_image;            /* of an OCI or docker image; else a root file system */
};

/*
 * Unpacks it in a child; cb once that has ended, also on failure. Not called
 * when -1 is returned. A layer that is there already is not unpacked again, but
 * the source is read and checked all the same: who names a layer has to hold it.
 * At most LAYER_IMPORTS_MAX at a time, EAGAIN beyond, and when the same is being unpacked.
 */
enum { LAYER_IMPORTS_MAX = 2 };
int layer_import(struct loop *loop, const struct layer_source *source, layer_done_cb *cb, void *data, struct error *err);

/* The name is gone on return, the files some time later. Gone already is success. */
int layer_delete(struct loop *loop, const char digest[DIGEST_TEXT], struct error *err);

/* Calls keep for each layer and deletes those it says no to; err is the first that could not be deleted. */
int layer_sweep(struct loop *loop, bool (*keep)(const char digest[DIGEST_TEXT], void *data), void *data,
		struct error *err);

#endif
