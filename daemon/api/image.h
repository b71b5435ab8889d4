/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image: the row of an image and the layers that it is made of, which other
 * images may be made of too. What uploads and pulls share.
 */
#ifndef BULKHEAD_IMAGE_H
#define BULKHEAD_IMAGE_H

#include <stdbool.h>

#include "daemon/api/name.h"
#include "daemon/lib/hex.h"

struct api;
struct error;
struct request;
struct store;

/*
 * Which realm a new image is for, into request->realm ("": the host's): the named one, else the token's only one,
 * or the host's for callers of the whole platform. ENOENT or EINVAL with field realm.
 */
int image_realm(struct request *request, const char *named, struct error *err);

/* EMLINK: no more images. What is under way may go beyond by its own number. */
int image_room(struct store *store, const char *realm, struct error *err);

/* The realm's image of that digest. 1: found, 0: there is none, -1 with err. */
int image_known(struct store *store, const char *realm, const char *digest, char ret_id[ID_TEXT], struct error *err);

struct image_source {
	char realm[ID_TEXT];          /* "": the host's */
	char name[NAME_MAX_IMAGE + 1];
	char archive[DIGEST_TEXT];    /* SHA-256 of the file; what the image is called if that is a root file system */
	char expected[DIGEST_TEXT];   /* of the OCI manifest that has to be in it; "": whatever is */
	int fd;                       /* the caller's */
};

/* image is the id of the row, made now or before; NULL with err. */
typedef void image_imported_cb(const char *image, bool made, const struct error *err, void *data);

/*
 * Has the engine unpack the archive and makes the row. EINVAL and EBADMSG are the archive's fault, EEXIST: the realm is gone.
 * The callback does not come on -1.
 */
int image_import(struct api *api, const struct image_source *source, image_imported_cb *cb, void *data, struct error *err);

/*
 * Takes the row away, then the layers that no other image has; cb when that is done or has failed, which is logged: what is
 * left goes when the engine is told next what there is. EBUSY: containers are made of it. The callback does not come on -1.
 */
typedef void image_removed_cb(void *data);
int image_remove(struct api *api, const char *id, image_removed_cb *cb, void *data, struct error *err);

#endif
