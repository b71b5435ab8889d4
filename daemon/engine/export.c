/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/export.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <openssl/evp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/engine/chore.h"
#include "daemon/engine/compact.h"
#include "daemon/engine/container.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/pack.h"
#include "daemon/engine/rootfs.h"
#include "daemon/engine/ustar.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/oci.h"
#include "daemon/lib/protocol.h"

#define PLACE "/var/empty" /* is there, and needed by nobody in a mount namespace of its own */
#define BLOBS "blobs/sha256/"

struct outcome {
	uint64_t bytes;
	struct error err;
};

struct exporting {
	struct export_message message;
	int file;
	export_cb *cb;
	void *data;
};

static unsigned under_way;

/* Some of the outer tar. */
static int put(int file, const void *data, size_t size, struct error *err)
{
	return fd_write_full(file, data, size) == -1 ? error_errno(err, "cannot write an archive") : 0;
}

static int padded(int file, uint64_t size, struct error *err)
{
	static const unsigned char zeros[USTAR_BLOCK];

	return put(file, zeros, ustar_padding(size), err);
}

static int file_put(int file, const char *name, const char *text, struct error *err)
{
	unsigned char block[USTAR_BLOCK];

	ustar_header(name, strlen(text), block);
	if (put(file, block, sizeof block, err) == -1 || put(file, text, strlen(text), err) == -1)
		return -1;
	return padded(file, strlen(text), err);
}

/* A document as a blob; its digest for who leads to it. Takes the reference. */
static int blob_put(int file, json_t *json, char digest[DIGEST_TEXT], size_t *ret_size, struct error *err)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	char name[sizeof BLOBS + DIGEST_TEXT];
	cleanup_free char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(json);
	if (text == NULL)
		return error_set(err, ENOMEM, "no memory for an image's documents");
	*ret_size = strlen(text);
	if (EVP_Digest(text, *ret_size, hash, NULL, EVP_sha256(), NULL) != 1)
		return error_set(err, EIO, "cannot hash an image's documents");
	hex_encode(hash, DIGEST_BYTES, digest);
	snprintf(name, sizeof name, BLOBS "%s", digest);
	return file_put(file, name, text, err);
}

static json_t *descriptor(const char *type, const char *digest, uint64_t size)
{
	char text[8 + DIGEST_TEXT];

	snprintf(text, sizeof text, "sha256:%s", digest);
	return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", text, "size", (json_int_t)size);
}

/* Behind the layer: config, manifest, index. */
static int documents_put(int file, const struct export_message *message, const struct pack *layer, struct error *err)
{
	char diff_id[8 + DIGEST_TEXT], config_digest[DIGEST_TEXT], manifest_digest[DIGEST_TEXT];
	size_t config_size, manifest_size;
	json_t *config = json_parse(message->config, strlen(message->config), err);

	if (config == NULL)
		return -1;
	snprintf(diff_id, sizeof diff_id, "sha256:%s", layer->plain);
	json_object_set_new(config, "rootfs", json_pack("{s:s, s:[s]}", "type", "layers", "diff_ids", diff_id));
	if (blob_put(file, config, config_digest, &config_size, err) == -1)
		return -1;
	json_t *manifest = json_pack("{s:i, s:s, s:o, s:[o], s:{s:s}}", "schemaVersion", 2, "mediaType",
				     "application/vnd.oci.image.manifest.v1+json", "config",
				     descriptor("application/vnd.oci.image.config.v1+json", config_digest, config_size), "layers",
				     descriptor("application/vnd.oci.image.layer.v1.tar+zstd", layer->packed, layer->size), "annotations",
				     OCI_SETTINGS, message->settings);
	if (blob_put(file, manifest, manifest_digest, &manifest_size, err) == -1)
		return -1;
	json_t *entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest_digest, manifest_size);
	json_object_set_new(entry, "platform", json_pack("{s:s, s:s}", "architecture", "amd64", "os", "linux"));
	json_t *index = json_pack("{s:i, s:s, s:[o]}", "schemaVersion", 2, "mediaType", "application/vnd.oci.image.index.v1+json", "manifests",
				  entry);
	cleanup_free char *text = index == NULL ? NULL : json_dumps(index, JSON_COMPACT);
	json_decref(index);
	if (text == NULL)
		return error_set(err, ENOMEM, "no memory for an image's documents");
	if (file_put(file, "index.json", text, err) == -1)
		return -1;
	return file_put(file, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", err);
}

/* The layer comes first, behind room for its header, which is known when it is written. */
static int archive_write_all(int file, int top, const struct export_message *message, uint64_t *ret_bytes, struct error *err)
{
	unsigned char block[USTAR_BLOCK] = { 0 };
	static const unsigned char end[2 * USTAR_BLOCK];
	char name[sizeof BLOBS + DIGEST_TEXT];
	struct pack layer;

	if (put(file, block, sizeof block, err) == -1 ||
	    pack_tree(top, message->id_base, file, message->bytes_max, &layer, err) == -1 || padded(file, layer.size, err) == -1 ||
	    documents_put(file, message, &layer, err) == -1 || put(file, end, sizeof end, err) == -1)
		return -1;
	snprintf(name, sizeof name, BLOBS "%s", layer.packed);
	ustar_header(name, layer.size, block);
	if (pwrite(file, block, sizeof block, 0) != (ssize_t)sizeof block)
		return error_errno(err, "cannot write an archive");
	off_t bytes = lseek(file, 0, SEEK_CUR);
	if (bytes == -1)
		return error_errno(err, "cannot write an archive");
	*ret_bytes = (uint64_t)bytes;
	return 0;
}

static void export(void *result_of, void *data)
{
	struct exporting *exporting = data;
	const struct export_message *message = &exporting->message;
	struct outcome *outcome = result_of;
	struct error *err = &outcome->err;
	struct rlimit limit;
	char folder[PATH_MAX];

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	/* Held, so that it is not started meanwhile. */
	snprintf(folder, sizeof folder, ENGINE_CONTAINERS "/%s", message->id);
	cleanup_fd int held = access(folder, F_OK) == -1 && errno == ENOENT ? -2 : compact_hold(folder, err);
	if (held == -1)
		return;
	if (unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1) {
		error_errno(err, "cannot make a mount namespace");
		return;
	}
	if (rootfs_view(message, PLACE, err) == -1)
		return;
	cleanup_fd int top = open(PLACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top == -1)
		error_errno(err, "cannot open the root of %s", message->id);
	else
		(void)archive_write_all(exporting->file, top, message, &outcome->bytes, err);
}

static void ended(const void *result_of, int status, void *data)
{
	struct exporting *exporting = data;
	struct outcome outcome = { .err = ERROR_INIT };

	under_way--;
	if (result_of != NULL)
		memcpy(&outcome, result_of, sizeof outcome);
	else
		error_set(&outcome.err, EIO, "the export ended without a result (status %d)", status);
	close(exporting->file);
	exporting->cb(outcome.bytes, outcome.err.code == 0 ? NULL : &outcome.err, exporting->data);
	free(exporting);
}

static int message_check(const struct export_message *message, int file, struct error *err)
{
	const struct container *c = container_find(message->id);
	struct stat st;

	if (!id_valid(message->id) || address_check_ids(message->id_base, err) == -1 || message->layer_count == 0 ||
	    message->layer_count > CONTAINER_LAYERS_MAX)
		return err->code != 0 ? -1 : error_field(err, "id", "an export is malformed");
	for (uint32_t i = 0; i < message->layer_count; i++)
		if (!hex_valid(message->layers[i], DIGEST_TEXT - 1))
			return error_field(err, "layers", "a layer's name is malformed");
	if (file == -1 || fstat(file, &st) == -1 || !S_ISREG(st.st_mode))
		return error_set(err, EBADF, "an export goes to a file");
	if (c != NULL && !container_idle(c))
		return error_set(err, EBUSY, "the container is not stopped; make a snapshot, and export that");
	if (under_way >= EXPORTS_MAX)
		return error_set(err, EAGAIN, "%d exports are under way, which is the limit; try again later", EXPORTS_MAX);
	return 0;
}

int export_begin(struct loop *loop, const struct export_message *message, int file, export_cb *cb, void *data, struct error *err)
{
	if (message_check(message, file, err) == -1)
		return -1;
	struct exporting *exporting = malloc(sizeof *exporting);
	if (exporting == NULL)
		return error_set(err, ENOMEM, "no memory for an export");
	*exporting = (struct exporting){ .message = *message, .file = fcntl(file, F_DUPFD_CLOEXEC, 0), .cb = cb, .data = data };
	if (exporting->file == -1)
		error_errno(err, "cannot keep the file of an export");
	else if (chore_begin(loop, export, ended, sizeof(struct outcome), exporting, NULL, err) == 0) {
		under_way++;
		return 0;
	}
	fd_cleanup(&exporting->file);
	free(exporting);
	return -1;
}
