/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/bundle.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/engine/member.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/oci.h"

enum { INDEX_DEPTH_MAX = 4 };

static struct stream *stream;

int bundle_prepare(struct error *err)
{
	stream_free(stream);
	stream = stream_new(STREAM_HASH_NONE, err);
	return stream == NULL ? -1 : 0;
}

/* An archive whose files are to be found by name. */
struct open_bundle {
	struct slice file; /* plain */
	struct members members;
	struct bundle *bundle;
};

/* True for a name that stands at the top of every root file system, and of no archive of layers. */
static bool name_of_root(const char *name)
{
	static const char *const tops[] = {
		"bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt", "opt",
		"proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var", "..",
	};
	size_t size = strcspn(name, "/");

	for (size_t i = 0; i < sizeof tops / sizeof *tops; i++)
		if (strlen(tops[i]) == size && memcmp(tops[i], name, size) == 0)
			return true;
	return false;
}

struct look {
	bool root; /* it is a root file system */
	bool one;  /* the first name is enough */
};

static bool name_seen(const char *name, void *data)
{
	struct look *look = data;

	look->root = name_of_root(name);
	return !look->root && !look->one;
}

/* 1: a root file system, 0: perhaps not, -1 with err. */
static int members_look(struct members *members, const struct slice *file, bool one, struct error *err)
{
	struct look look = { .one = one };

	if (stream_open(stream, file, err) == -1)
		return -1;
	if (members_read(members, stream, BUNDLE_MEMBERS_MAX, name_seen, &look, err) == 0)
		return look.root;
	if (err->code != E2BIG)
		return -1;
	*err = (struct error)ERROR_INIT; /* no archive of layers has so many */
	return 1;
}

static int scratch_fill(const struct slice *archive, int scratch, uint64_t bytes_max, struct slice *ret_file, struct error *err)
{
	const void *block;
	ssize_t n;

	*ret_file = (struct slice){ .fd = scratch };
	if (stream_open(stream, archive, err) == -1)
		return -1;
	while ((n = stream_read(stream, &block, err)) > 0) {
		ret_file->size += (uint64_t)n;
		if (ret_file->size > bytes_max)
			return error_field(err, "tar", "the archive unpacks to more than %llu bytes", (unsigned long long)bytes_max);
		if (fd_write_full(scratch, block, (size_t)n) == -1)
			return error_errno(err, "cannot unpack an archive of layers");
	}
	return n == -1 ? -1 : 0;
}

static int digest_check(const char *text, size_t size, const char *digest, const char *what, struct error *err)
{
	unsigned char bytes[DIGEST_BYTES];
	char own[DIGEST_TEXT];

	if (EVP_Digest(text, size, bytes, NULL, EVP_sha256(), NULL) != 1)
		return error_set(err, EIO, "cannot hash %s", what);
	hex_encode(bytes, sizeof bytes, own);
	if (memcmp(own, digest, DIGEST_TEXT) != 0)
		return error_field(err, what, "%s has another content: its SHA-256 is %s, not %.64s", what, own, digest);
	return 0;
}

/* A document by its name in the archive; the caller frees it. NULL with err. */
static char *document_load(const struct open_bundle *open, const char *name, const char *what, size_t *ret_size,
			   struct error *err)
{
	uint64_t offset, size;

	if (!members_find(&open->members, name, &offset, &size)) {
		error_field(err, what, "the archive has no file %.200s", name);
		return NULL;
	}
	if (size > OCI_DOCUMENT_MAX) {
		error_field(err, what, "%s has more than %d bytes", what, OCI_DOCUMENT_MAX);
		return NULL;
	}
	char *text = malloc(size + 1);
	if (text == NULL) {
		error_set(err, ENOMEM, "no memory for %s", what);
		return NULL;
	}
	for (uint64_t got = 0; got < size;) {
		ssize_t n = pread(open->file.fd, text + got, size - got, (off_t)(open->file.offset + offset + got));
		if (n <= 0 && (n == 0 || errno != EINTR)) {
			error_field(err, "tar", "the archive is cut off");
			free(text);
			return NULL;
		}
		got += n > 0 ? (uint64_t)n : 0;
	}
	text[size] = '\0';
	*ret_size = size;
	return text;
}

/* One that is named by its digest. */
static char *blob_load(const struct open_bundle *open, const struct oci_descriptor *blob, const char *what, size_t *ret_size,
		       struct error *err)
{
	char name[OCI_NAME_TEXT];

	snprintf(name, sizeof name, "blobs/sha256/%s", blob->digest);
	char *text = document_load(open, name, what, ret_size, err);
	if (text == NULL || (*ret_size == blob->size && digest_check(text, *ret_size, blob->digest, what, err) == 0))
		return text;
	if (err->code == 0)
		error_field(err, what, "%s has %zu bytes, not the %llu that are told of it", what, *ret_size,
			    (unsigned long long)blob->size);
	free(text);
	return NULL;
}

static int layer_add(struct open_bundle *open, const char *name, const char *diff_id, const struct oci_descriptor *packed,
		     struct error *err)
{
	struct image_content_message *content = &open->bundle->content;
	uint32_t at = content->layer_count;
	char what[OCI_NAME_TEXT + 16];
	uint64_t offset, size;

	snprintf(what, sizeof what, "layer %.200s", name);
	if (!members_find(&open->members, name, &offset, &size))
		return error_field(err, "tar", "the archive has no %s", what);
	if (packed != NULL && packed->size != size)
		return error_field(err, "tar", "%s has %llu bytes, not the %llu that are told of it", what,
				   (unsigned long long)size, (unsigned long long)packed->size);
	if (size > open->file.size || offset > open->file.size - size)
		return error_field(err, "tar", "the archive is cut off in %s", what);
	for (uint32_t i = 0; i < at; i++) {
		if (memcmp(content->layers[i], diff_id, DIGEST_TEXT) != 0)
			continue;
		at--;
		memmove(content->layers[i], content->layers[i + 1], (at - i) * sizeof *content->layers);
		memmove(&open->bundle->tars[i], &open->bundle->tars[i + 1], (at - i) * sizeof *open->bundle->tars);
		memmove(open->bundle->packed[i], open->bundle->packed[i + 1], (at - i) * sizeof *open->bundle->packed);
		break;
	}
	memcpy(content->layers[at], diff_id, DIGEST_TEXT);
	open->bundle->tars[at] = (struct slice){ .fd = -1, .offset = open->file.offset + offset, .size = size };
	memset(open->bundle->packed[at], 0, DIGEST_TEXT);
	if (packed != NULL)
		memcpy(open->bundle->packed[at], packed->digest, DIGEST_TEXT);
	content->layer_count = at + 1;
	return 0;
}

static int config_take(struct open_bundle *open, const char *text, size_t size, uint32_t layers, struct oci_config *config,
		       struct error *err)
{
	if (oci_config_read(text, size, config, err) == -1)
		return -1;
	if (config->layer_count != layers)
		return error_field(err, "config.rootfs.diff_ids", "the config tells of %u layers, the manifest of %u",
				   config->layer_count, layers);
	open->bundle->content.config = config->config;
	open->bundle->content.described = 1;
	return 0;
}

/* From the index through others to the manifest for this host. */
static int manifest_load(struct open_bundle *open, struct oci_manifest *manifest, struct error *err)
{
	struct oci_descriptor entry = { .digest = "" };
	size_t size;

	for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
		const char *what = depth == 0 ? "index.json" : "manifest";
		cleanup_free char *text = depth == 0 ? document_load(open, "index.json", what, &size, err) :
						       blob_load(open, &entry, what, &size, err);
		if (text == NULL)
			return -1;
		char digest[DIGEST_TEXT];
		memcpy(digest, entry.digest, sizeof digest);
		int kind = oci_manifest_read(text, size, what, &entry, manifest, err);
		if (kind == -1)
			return -1;
		if (kind == 0 && depth == 0)
			return error_field(err, what, "index.json is a manifest and no index of images");
		if (kind == 0) {
			memcpy(open->bundle->content.digest, digest, sizeof digest);
			return 0;
		}
	}
	return error_field(err, "index.json", "its indexes lead to each other more than %d times", INDEX_DEPTH_MAX);
}

static int layout_read(struct open_bundle *open, struct error *err)
{
	static struct oci_manifest manifest; /* large */
	static struct oci_config config;
	size_t size;

	cleanup_free char *mark = document_load(open, "oci-layout", "oci-layout", &size, err);
	if (mark == NULL || oci_layout_check(mark, size, err) == -1 || manifest_load(open, &manifest, err) == -1)
		return -1;
	cleanup_free char *text = blob_load(open, &manifest.config, "config", &size, err);
	if (text == NULL || config_take(open, text, size, manifest.layer_count, &config, err) == -1)
		return -1;
	memcpy(open->bundle->content.settings, manifest.settings, sizeof manifest.settings);
	for (uint32_t i = 0; i < manifest.layer_count; i++) {
		char name[OCI_NAME_TEXT];
		snprintf(name, sizeof name, "blobs/sha256/%s", manifest.layers[i].digest);
		if (layer_add(open, name, config.diff_ids[i], &manifest.layers[i], err) == -1)
			return -1;
	}
	return 0;
}

static int docker_read(struct open_bundle *open, struct error *err)
{
	static struct oci_docker docker; /* large */
	static struct oci_config config;
	unsigned char digest[DIGEST_BYTES];
	size_t size;

	cleanup_free char *list = document_load(open, "manifest.json", "manifest.json", &size, err);
	if (list == NULL || oci_docker_read(list, size, &docker, err) == -1)
		return -1;
	cleanup_free char *text = document_load(open, docker.config, "config", &size, err);
	if (text == NULL || config_take(open, text, size, docker.layer_count, &config, err) == -1)
		return -1;
	if (EVP_Digest(text, size, digest, NULL, EVP_sha256(), NULL) != 1)
		return error_set(err, EIO, "cannot hash the config of an image");
	hex_encode(digest, sizeof digest, open->bundle->content.digest);
	for (uint32_t i = 0; i < docker.layer_count; i++)
		if (layer_add(open, docker.layers[i], config.diff_ids[i], NULL, err) == -1)
			return -1;
	return 0;
}

static int bundle_take(struct open_bundle *open, struct error *err)
{
	uint64_t offset, size;

	if (members_find(&open->members, "oci-layout", &offset, &size) &&
	    members_find(&open->members, "index.json", &offset, &size))
		return layout_read(open, err);
	if (members_find(&open->members, "manifest.json", &offset, &size))
		return docker_read(open, err);
	return 0; /* whatever it is, it is to be unpacked as it is */
}

static int archive_look(const struct slice *archive, int scratch, uint64_t bytes_max, struct open_bundle *open, struct error *err)
{
	open->file = *archive;
	if (stream_open(stream, archive, err) == -1)
		return -1;
	open->bundle->unpacked = stream_compressed(stream);
	if (open->bundle->unpacked) {
		int root = members_look(&open->members, archive, true, err);
		members_free(&open->members);
		if (root != 0)
			return root == 1 ? 0 : -1;
		if (scratch_fill(archive, scratch, bytes_max, &open->file, err) == -1)
			return -1;
	}
	int root = members_look(&open->members, &open->file, false, err);
	if (root != 0)
		return root == 1 ? 0 : -1;
	return bundle_take(open, err);
}

int bundle_read(const struct slice *archive, int scratch, uint64_t bytes_max, struct bundle *ret_bundle, struct error *err)
{
	static struct bundle bundle; /* large */
	struct open_bundle open = { .bundle = &bundle };

	bundle = (struct bundle){ 0 };
	int result = archive_look(archive, scratch, bytes_max, &open, err);
	members_free(&open.members);
	stream_free(stream);
	stream = NULL;
	if (result == 0)
		*ret_bundle = bundle;
	return result;
}
