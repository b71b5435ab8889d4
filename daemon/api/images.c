/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * images: root file systems, as tar archives uploaded whole. The layer on disk
 * is named by the archive's SHA-256 and shared by all rows that name it; a row
 * belongs to a realm, or to the host (realm null): usable by all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/auth.h"
#include "daemon/api/name.h"
#include "daemon/api/page.h"
#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/api/upload.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"

enum {
	IMPORT_MS = 30 * 60 * 1000, /* an archive of many GiB is unpacked to a slow disk */
	DELETE_MS = 10 * 60 * 1000,
	IMAGE_ENTRIES_MAX = 2000000,
	IMAGES_REALM_MAX = 256,
	IMAGES_MAX = 2048,          /* on the host; the engine takes 4096 layers */
};

#define IMAGE_BYTES_MAX (UINT64_C(64) << 30) /* unpacked */

#define SELECT "SELECT id, realm, name, digest, bytes, entries, created FROM images"

/* Images of the host are seen by everybody. */
#define SEEN_SQL " (realm IS NULL OR" SCOPE_SQL("realm") ") "

/* An upload whose archive is with the engine. */
struct import {
	struct request *request;
	char digest[DIGEST_TEXT];
	bool again; /* the engine had the layer, and was asked to begin anew */
};

static json_t *image_json(struct request *request, sqlite3_stmt *row)
{
	(void)request;
	json_t *realm = *query_text(row, 1) == '\0' ? json_null() : json_string(query_text(row, 1));
	return json_pack("{s:s, s:o, s:s, s:s, s:I, s:I, s:o}", "id", query_text(row, 0), "realm", realm, "name",
			 query_text(row, 2), "digest", query_text(row, 3), "bytes", (json_int_t)query_int(row, 4),
			 "entries", (json_int_t)query_int(row, 5), "created_at", time_json(query_int(row, 6)));
}

void images_list(struct request *request)
{
	struct error err = ERROR_INIT;
	struct page page;

	if (page_read(request, &page) == -1)
		return;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err, SELECT " WHERE" SEEN_SQL "AND id > ? ORDER BY id LIMIT ?",
			    SCOPE_TYPES "si", SCOPE_VALUES(request), page.after, page.limit + 1);
	page_answer(request, &page, query, &err, image_json);
}

/*
 * Finds the row that the path names, by id or digest. A digest may name several:
 * a caller bound to realms means its own, one of the whole platform the host's,
 * and never one of many by chance. 1: found, 0: answered, -1 with err.
 */
static int image_find(struct request *request, char ret_id[ID_TEXT], struct error *err)
{
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, err,
			    "SELECT id, realm FROM images WHERE (id = ? OR digest = ?) AND" SEEN_SQL
			    "ORDER BY (realm IS NULL) <> ? LIMIT 2",
			    "ss" SCOPE_TYPES "i", request->id, request->id, SCOPE_VALUES(request),
			    (int64_t)request->caller.platform);
	int step = query == NULL ? -1 : query_step(query, err);

	if (step == -1)
		return -1;
	if (step == 0) {
		request_fail_missing(request, "image", NULL);
		return 0;
	}
	snprintf(ret_id, ID_TEXT, "%s", query_text(query, 0));
	bool host = *query_text(query, 1) == '\0';
	step = query_step(query, err);
	if (step == 1 && !host && *query_text(query, 1) != '\0') {
		request_fail(request, 409, "conflict", NULL, "several realms have this image; name it by its id");
		return 0;
	}
	return step == -1 ? -1 : 1;
}

void images_show(struct request *request)
{
	struct error err = ERROR_INIT;
	char id[ID_TEXT];

	int found = image_find(request, id, &err);
	if (found == -1)
		request_fail_error(request, &err);
	if (found != 1)
		return;
	cleanup_query sqlite3_stmt *query = store_query(request->api->store, &err, SELECT " WHERE id = ?", "s", id);
	row_answer(request, 200, "image", query, &err, image_json);
}

/* Answers with the realm's row for the digest. 1: answered, 0: there is none, -1 with err. */
static int image_answer_known(struct request *request, const char *digest, unsigned int status, struct error *err)
{
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, err, SELECT " WHERE digest = ? AND ifnull(realm, '') = ?", "ss", digest,
			    request->realm);
	int step = query == NULL ? -1 : query_step(query, err);

	if (step == 1)
		request_answer(request, status, image_json(request, query));
	return step;
}

/* The engine has the layer: now the row. */
static void import_end(struct request *request, const char *digest, int64_t bytes, int64_t entries)
{
	struct error err = ERROR_INIT;
	char id[ID_TEXT];
	unsigned int status = 201;

	id_generate(id);
	if (store_do(request->api->store, &err,
		     "INSERT INTO images (id, realm, name, digest, bytes, entries, created)"
		     " VALUES (?, nullif(?, ''), ?, ?, ?, ?, ?)",
		     "ssssiii", id, request->realm, request_query(request, "name"), digest, bytes, entries,
		     time_now_ms()) == -1) {
		/* A layer without a row is garbage; the engine hears so at the next sync. */
		if (err.code == EBUSY) {
			request_fail(request, 409, "conflict", "realm", "the realm was deleted meanwhile");
			return;
		}
		if (err.code != EEXIST) {
			request_fail_error(request, &err);
			return;
		}
		status = 200; /* somebody uploaded the same meanwhile */
	}
	if (image_answer_known(request, digest, status, &err) != 1)
		request_fail_error(request, &err);
}

/* What other rows know of a layer; entries 0: no row knows it. */
static int layer_known(struct store *store, const char *digest, int64_t *ret_bytes, int64_t *ret_entries,
		       struct error *err)
{
	return store_number(store, err, 0, ret_bytes, "SELECT max(bytes) FROM images WHERE digest = ?", "s", digest) == -1 ||
			       store_number(store, err, 0, ret_entries, "SELECT max(entries) FROM images WHERE digest = ?",
					    "s", digest) == -1
		       ? -1
		       : 0;
}

static int import_ask(struct import *import, struct error *err);

static void import_cleared(const struct message *answer, const struct error *err, void *data)
{
	struct import *import = data;
	struct error failure = ERROR_INIT;

	(void)answer;
	if (err != NULL || import_ask(import, &failure) == -1) {
		request_fail_host(import->request, err != NULL ? err : &failure);
		free(import);
	}
}

/*
 * The engine had the layer already and says nothing of its size. Either another
 * upload of the same archive was quicker, and its row knows; or it is what a
 * crash left behind, and is unpacked anew. Takes import over.
 */
static void import_twice(struct import *import)
{
	struct request *request = import->request;
	struct image_message message = { 0 };
	struct error err = ERROR_INIT;
	int64_t bytes = 0, entries = 0;

	int result = layer_known(request->api->store, import->digest, &bytes, &entries, &err);
	if (result == 0 && entries == 0 && !import->again) {
		import->again = true;
		memcpy(message.digest, import->digest, sizeof message.digest);
		result = peer_ask(request->api->engine, MESSAGE_IMAGE_DELETE, &message, sizeof message, -1, DELETE_MS,
				  import_cleared, import, &err);
		if (result == 0)
			return;
	}
	if (result == -1)
		request_fail_host(request, &err);
	else
		import_end(request, import->digest, bytes, entries);
	free(import);
}

static void import_answered(const struct message *answer, const struct error *err, void *data)
{
	struct import *import = data;
	struct request *request = import->request;

	if (err == NULL) {
		const struct result_message *result = answer->payload;
		if (result->entries == 0) {
			import_twice(import);
			return;
		}
		import_end(request, import->digest, (int64_t)result->bytes, (int64_t)result->entries);
	} else if (err->code == EINVAL || err->code == EBADMSG) {
		/* What is wrong with an archive is the body's fault, wherever in it. */
		request_fail(request, 400, "invalid_image", err->field[0] == '\0' ? "body" : err->field, "%s", err->message);
	} else if (err->code == EBUSY) { /* the same or too many others are being unpacked */
		request_fail(request, 503, "unavailable", NULL, "%s", err->message);
	} else {
		request_fail_host(request, err);
	}
	free(import);
}

static int import_ask(struct import *import, struct error *err)
{
	struct image_message message = { .bytes_max = IMAGE_BYTES_MAX, .entries_max = IMAGE_ENTRIES_MAX };

	memcpy(message.digest, import->digest, sizeof message.digest);
	return peer_ask(import->request->api->engine, MESSAGE_IMAGE_IMPORT, &message, sizeof message,
			upload_reader(import->request->upload), IMPORT_MS, import_answered, import, err);
}

/* The realm the image is for: named, or the token's only one, or none for callers of the whole platform. */
static int import_realm(struct request *request, struct error *err)
{
	const char *realm = request_query(request, "realm");

	if (realm == NULL && request->caller.platform)
		return 0;
	if (realm == NULL) {
		cleanup_query sqlite3_stmt *query =
			store_query(request->api->store, err,
				    "SELECT min(realm) FROM token_realms WHERE token = ? HAVING count(*) = 1", "s",
				    request->caller.token);
		int step = query == NULL ? -1 : query_step(query, err);
		if (step == 0)
			error_field(err, "realm", "name the realm that the image is for: ?realm=<id>");
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

/* EMLINK: no more images. Uploads that are under way may go beyond by their own number. */
static int images_room(struct store *store, const char *realm, struct error *err)
{
	int64_t all, own;

	if (store_number(store, err, 0, &all, "SELECT count(*) FROM images", "") == -1 ||
	    store_number(store, err, 0, &own, "SELECT count(*) FROM images WHERE realm = ?", "s", realm) == -1)
		return -1;
	if (own >= IMAGES_REALM_MAX)
		return error_set(err, EMLINK, "the realm has %d images, which is the limit; delete some", IMAGES_REALM_MAX);
	if (all >= IMAGES_MAX)
		return error_set(err, EMLINK, "the host has %d images, which is the limit; delete some", IMAGES_MAX);
	return 0;
}

void images_create_head(struct request *request)
{
	const char *name = request_query(request, "name");
	struct error err = ERROR_INIT;

	if (name == NULL)
		error_field(&err, "name", "the image needs a name: ?name=...");
	if (name == NULL || name_check_image(name, "name", &err) == -1 || import_realm(request, &err) == -1 ||
	    images_room(request->api->store, request->realm, &err) == -1)
		request_fail_error(request, &err);
}

void images_create(struct request *request)
{
	struct error err = ERROR_INIT;
	int64_t bytes, entries;
	int known;

	struct import *import = calloc(1, sizeof *import);
	if (import == NULL) {
		error_set(&err, ENOBUFS, "no memory for an import");
		goto fail;
	}
	import->request = request;
	if (upload_finish(request->upload, import->digest, &err) == -1)
		goto fail;
	known = image_answer_known(request, import->digest, 200, &err);
	if (known == -1)
		goto fail;
	if (known == 1) {
		free(import);
		return;
	}
	/* Another realm has this layer: the client has shown that it holds the whole archive too. */
	if (layer_known(request->api->store, import->digest, &bytes, &entries, &err) == -1)
		goto fail;
	if (entries > 0) {
		import_end(request, import->digest, bytes, entries);
		free(import);
		return;
	}
	if (import_ask(import, &err) == -1)
		goto fail;
	return;

fail:
	free(import);
	request_fail_error(request, &err);
}

static void image_deleted(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	/* The row is gone, which is what counts; a layer that is left goes at the next sync. */
	if (err != NULL)
		log_warning("a deleted image's layer is not removed yet: %s", err->message);
	request_answer(data, 204, NULL);
}

void images_delete(struct request *request)
{
	struct store *store = request->api->store;
	struct image_message message = { 0 };
	struct error err = ERROR_INIT;
	char id[ID_TEXT];
	int64_t users;
	int step;

	int found = image_find(request, id, &err);
	if (found == 0)
		return;
	cleanup_query sqlite3_stmt *query =
		found == -1 ? NULL : store_query(store, &err, "SELECT digest, realm FROM images WHERE id = ?", "s", id);
	step = query == NULL ? -1 : query_step(query, &err);
	if (step != 1)
		goto fail;
	if (*query_text(query, 1) == '\0' && !request->caller.platform) {
		request_fail(request, 403, "forbidden", NULL, "this image belongs to the host; its admin may delete it");
		return;
	}
	snprintf(message.digest, sizeof message.digest, "%s", query_text(query, 0));
	if (store_do(store, &err, "DELETE FROM images WHERE id = ?", "s", id) == -1) {
		if (err.code == EBUSY)
			error_set(&err, EBUSY, "the image is used by containers; delete them first");
		goto fail;
	}
	if (store_number(store, &err, 0, &users, "SELECT count(*) FROM images WHERE digest = ?", "s", message.digest) == -1 ||
	    users > 0 ||
	    peer_ask(request->api->engine, MESSAGE_IMAGE_DELETE, &message, sizeof message, -1, DELETE_MS, image_deleted,
		     request, &err) == -1)
		request_answer(request, 204, NULL);
	return;

fail:
	request_fail_error(request, &err);
}
