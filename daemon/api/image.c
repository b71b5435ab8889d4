/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/image.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/auth.h"
#include "daemon/api/defaults.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"

enum {
	IMPORT_MS = 30 * 60 * 1000, /* an archive of many GiB is unpacked to a slow disk */
	DELETE_MS = 10 * 60 * 1000,
	IMAGE_ENTRIES_MAX = 2000000,
	IMAGES_REALM_MAX = 256,
	IMAGES_MAX = 2048,          /* on the host */
	LAYERS_MAX = 16384,         /* of all of them */
};

#define IMAGE_BYTES_MAX (UINT64_C(64) << 30) /* unpacked */

/* An archive that is with the engine. */
struct import {
	struct api *api;
	struct image_source source; /* with a descriptor of its own */
	image_imported_cb *cb;
	void *data;
};

int image_realm(struct request *request, const char *realm, struct error *err)
{
	if (realm == NULL && request->caller.platform)
		return 0;
	if (realm == NULL && request->caller.realm[0] != '\0')
		realm = request->caller.realm;
	if (realm == NULL) {
		cleanup_query sqlite3_stmt *query =
			store_query(request->api->store, err,
				    "SELECT min(realm) FROM token_realms WHERE token = ? HAVING count(*) = 1", "s",
				    request->caller.token);
		int step = query == NULL ? -1 : query_step(query, err);
		if (step == 0)
			error_field(err, "realm", "name the realm that the image is for");
		if (step != 1)
			return -1;
		snprintf(request->realm, sizeof request->realm, "%s", query_text(query, 0));
		return 0;
	}
	int seen = caller_sees_realm(request->api->store, &request->caller, realm, err);
	if (seen == 0) {
		error_field(err, "realm", "there is no such realm");
		err->code = ENOENT;
	}
	if (seen != 1)
		return -1;
	snprintf(request->realm, sizeof request->realm, "%s", realm);
	return 0;
}

int image_room(struct store *store, const char *realm, struct error *err)
{
	int64_t all, own, layers;

	if (store_number(store, err, 0, &all, "SELECT count(*) FROM images", "") == -1 ||
	    store_number(store, err, 0, &own, "SELECT count(*) FROM images WHERE realm = ?", "s", realm) == -1 ||
	    store_number(store, err, 0, &layers, "SELECT count(DISTINCT digest) FROM image_layers", "") == -1)
		return -1;
	if (own >= IMAGES_REALM_MAX)
		return error_set(err, EMLINK, "the realm has %d images, which is the limit; delete some", IMAGES_REALM_MAX);
	if (all >= IMAGES_MAX)
		return error_set(err, EMLINK, "the host has %d images, which is the limit; delete some", IMAGES_MAX);
	if (layers >= LAYERS_MAX)
		return error_set(err, EMLINK, "the host's images have %d layers, which is the limit; delete some", LAYERS_MAX);
	return 0;
}

int image_known(struct store *store, const char *realm, const char *digest, char ret_id[ID_TEXT], struct error *err)
{
	cleanup_query sqlite3_stmt *query = store_query(
		store, err, "SELECT id FROM images WHERE digest = ? AND ifnull(realm, '') = ?", "ss", digest, realm);
	int step = query == NULL ? -1 : query_step(query, err);

	if (step == 1)
		snprintf(ret_id, ID_TEXT, "%s", query_text(query, 0));
	return step;
}

static void import_end(struct import *import, const char *image, bool made, const struct error *err)
{
	import->cb(image, made, err, import->data);
	fd_cleanup(&import->source.fd);
	free(import);
}

static int layers_insert(struct store *store, const char *id, const struct image_content_message *content, struct error *err)
{
	for (uint32_t i = 0; i < content->layer_count; i++)
		if (store_do(store, err, "INSERT INTO image_layers (image, position, digest) VALUES (?, ?, ?)", "sis", id, (int64_t)i,
			     content->layers[i]) == -1)
			return -1;
	return 0;
}

static int row_insert(struct store *store, const char *id, const struct image_source *source,
		      const struct image_content_message *content, struct error *err)
{
	cleanup_json json_t *config = content->described == 0 ? NULL : defaults_json(&content->config);
	cleanup_free char *text = config == NULL ? strdup("") : json_dumps(config, JSON_COMPACT);

	if (text == NULL || (content->described != 0 && config == NULL))
		return error_set(err, ENOMEM, "no memory for an image");
	if (store_begin(store, err) == -1)
		return -1;
	if (store_do(store, err,
		     "INSERT INTO images (id, realm, name, digest, bytes, entries, config, created, settings)"
		     " VALUES (?, nullif(?, ''), ?, ?, ?, ?, ?, ?, ?)",
		     "ssssiisis", id, source->realm, source->name, content->digest, (int64_t)content->bytes,
		     (int64_t)content->entries, text, time_now_ms(), content->settings) == 0 &&
	    layers_insert(store, id, content, err) == 0 && store_commit(store, err) == 0)
		return 0;
	store_rollback(store);
	return -1;
}

/* The engine has the layers: now the row. Layers without a row are garbage; the engine hears so at the next sync. */
static void import_row(struct import *import, const struct image_content_message *content)
{
	const struct image_source *source = &import->source;
	struct store *store = import->api->store;
	struct error err = ERROR_INIT;
	bool made = true;
	char id[ID_TEXT];

	if (source->expected[0] != '\0' && strcmp(source->expected, content->digest) != 0)
		error_set(&err, EBADMSG, "the archive has the image sha256:%s, not sha256:%s", content->digest, source->expected);
	id_generate(id);
	if (err.code == 0 && row_insert(store, id, source, content, &err) == -1) {
		if (err.code == EBUSY) {
			error_field(&err, "realm", "the realm was deleted meanwhile");
			err.code = EEXIST;
		} else if (err.code == EEXIST && image_known(store, source->realm, content->digest, id, &err) == 1) {
			err.code = 0; /* it was there, perhaps in another archive */
			made = false;
		}
	}
	import_end(import, err.code == 0 ? id : NULL, made, err.code == 0 ? NULL : &err);
}

static void import_answered(const struct message *answer, const struct error *err, void *data)
{
	struct error strange = ERROR_INIT;

	if (err == NULL && answer->type == MESSAGE_IMAGE_CONTENT) {
		import_row(data, answer->payload);
		return;
	}
	error_set(&strange, EPROTO, "the engine does not say what an image has");
	import_end(data, NULL, false, err != NULL ? err : &strange);
}

int image_import(struct api *api, const struct image_source *source, image_imported_cb *cb, void *data, struct error *err)
{
	struct image_message message = { .bytes_max = IMAGE_BYTES_MAX, .entries_max = IMAGE_ENTRIES_MAX };
	struct import *import = calloc(1, sizeof *import);

	if (import == NULL)
		return error_set(err, ENOBUFS, "no memory for an import");
	*import = (struct import){ .api = api, .source = *source, .cb = cb, .data = data };
	memcpy(message.digest, source->archive, sizeof message.digest);
	import->source.fd = fcntl(source->fd, F_DUPFD_CLOEXEC, 0);
	if (import->source.fd == -1)
		error_set(err, ENOBUFS, "cannot keep an archive open: %s", strerror(errno));
	else if (peer_ask(api->engine, MESSAGE_IMAGE_IMPORT, &message, sizeof message, import->source.fd, IMPORT_MS, import_answered,
			  import, err) == 0)
		return 0;
	fd_cleanup(&import->source.fd);
	free(import);
	return -1;
}

/* Layers that go, one after the other. */
struct removal {
	struct api *api;
	image_removed_cb *cb;
	void *data;
	size_t count, at;
	char layers[][DIGEST_TEXT];
};

static void layer_remove(struct removal *removal);

static void layer_removed(const struct message *answer, const struct error *err, void *data)
{
	struct removal *removal = data;

	(void)answer;
	/* The row is gone, which is what counts. */
	if (err != NULL)
		log_warning("layer %s of a deleted image is not removed yet: %s", removal->layers[removal->at], err->message);
	removal->at++;
	layer_remove(removal);
}

static void layer_remove(struct removal *removal)
{
	struct image_message message = { 0 };
	struct error err = ERROR_INIT;

	for (; removal->at < removal->count; removal->at++) {
		const char *digest = removal->layers[removal->at];
		int64_t users = 1;
		/* An import may have brought it again. */
		if (store_number(removal->api->store, &err, 0, &users, "SELECT count(*) FROM image_layers WHERE digest = ?", "s",
				 digest) == -1 || users > 0)
			continue;
		memcpy(message.digest, digest, sizeof message.digest);
		if (peer_ask(removal->api->engine, MESSAGE_IMAGE_DELETE, &message, sizeof message, -1, DELETE_MS, layer_removed,
			     removal, &err) == 0)
			return;
		log_warning("layer %s of a deleted image is not removed yet: %s", digest, err.message);
	}
	removal->cb(removal->data);
	free(removal);
}

/* Which layers only this image has. */
static int layers_own(struct store *store, const char *id, struct removal *removal, struct error *err)
{
	cleanup_query sqlite3_stmt *query =
		store_query(store, err,
			    "SELECT digest FROM image_layers mine WHERE image = ?1 AND NOT EXISTS"
			    " (SELECT 1 FROM image_layers WHERE digest = mine.digest AND image <> ?1)", "s", id);
	int step = query == NULL ? -1 : query_step(query, err);

	for (; step == 1 && removal->count < CONTAINER_LAYERS_MAX; step = query_step(query, err))
		snprintf(removal->layers[removal->count++], DIGEST_TEXT, "%s", query_text(query, 0));
	return step == -1 ? -1 : 0;
}

int image_remove(struct api *api, const char *id, image_removed_cb *cb, void *data, struct error *err)
{
	struct removal *removal = calloc(1, sizeof *removal + CONTAINER_LAYERS_MAX * DIGEST_TEXT);

	if (removal == NULL)
		return error_set(err, ENOBUFS, "no memory to remove an image");
	*removal = (struct removal){ .api = api, .cb = cb, .data = data };
	if (layers_own(api->store, id, removal, err) == -1 ||
	    store_do(api->store, err, "DELETE FROM images WHERE id = ?", "s", id) == -1) {
		free(removal);
		if (err->code == EBUSY)
			return error_set(err, EBUSY, "the image is used by containers; delete them first");
		return -1;
	}
	layer_remove(removal);
	return 0;
}
