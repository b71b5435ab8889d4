/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oci: the JSON of container images: index and manifest (OCI image
 * specification 1.1; Docker's manifest list and manifest version 2 schema 2
 * have the same shape), config, and manifest.json of `docker save`.
 *
 * All of it comes from strangers. Keys that are not known are passed over, as
 * the specification wants; what is used is checked. Errors are EINVAL, and
 * err->field says where: "manifest.layers[3].digest". The functions touch
 * memory alone, so that they can be called from where nothing else is allowed.
 */
#ifndef BULKHEAD_OCI_H
#define BULKHEAD_OCI_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hex.h"
#include "daemon/lib/protocol.h"

struct error;

enum {
	OCI_DOCUMENT_MAX = 4 << 20, /* bytes of one document */
	OCI_INDEX_MAX = 1024,       /* entries of an index */
	OCI_NAME_TEXT = 256,        /* a file in a docker archive */
};

/* What a container that was exported takes along. */
#define OCI_SETTINGS "org.bulkhead.container"

struct oci_descriptor {
	char digest[DIGEST_TEXT];
	uint64_t size; /* bytes */
};

struct oci_manifest {
	struct oci_descriptor config;
	struct oci_descriptor layers[CONTAINER_LAYERS_MAX]; /* lowest first */
	uint32_t layer_count;
	char settings[EXPORT_SETTINGS_TEXT]; /* annotation OCI_SETTINGS: a JSON object; "" if there is none */
};

struct oci_config {
	struct image_config config;
	char diff_ids[CONTAINER_LAYERS_MAX][DIGEST_TEXT]; /* SHA-256 of each layer's plain tar, lowest first */
	uint32_t layer_count;
};

struct oci_docker {
	char config[OCI_NAME_TEXT];
	char layers[CONTAINER_LAYERS_MAX][OCI_NAME_TEXT]; /* lowest first */
	uint32_t layer_count;
};

/*
 * Reads an index or a manifest; name stands before its keys in err->field.
 * 1: an index, *ret_entry is its image for linux/amd64; 0: a manifest; -1 with err.
 */
int oci_manifest_read(const char *text, size_t size, const char *name, struct oci_descriptor *ret_entry,
		      struct oci_manifest *ret_manifest, struct error *err);

/* Checks the file oci-layout. */
int oci_layout_check(const char *text, size_t size, struct error *err);

int oci_config_read(const char *text, size_t size, struct oci_config *ret_config, struct error *err);

/* Refuses an archive of several images. */
int oci_docker_read(const char *text, size_t size, struct oci_docker *ret_docker, struct error *err);

#endif
