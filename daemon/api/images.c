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
};

#define IMAGE_BYTES_MAX (UINT64_C(64) << 30) /* unpacked */

#define SELECT "SELECT id, realm, name, digest, bytes, entries, created FROM images"

/* Images of the host are seen by everybody. */
#define SEEN_SQL " (realm IS NULL OR" SCOPE_SQL("realm") ") "

/* A digest may name a realm's row and the host's. */
#define OWN_FIRST "ORDER BY realm IS NULL, realm LIMIT 1"

/* An upload whose archive is with the engine. */
struct import {
	struct request *request;
	char name[NAME_MAX_IMAGE + 1];
	char realm[ID_TEXT]; /* "": of the host */
	char digest[DIGEST_TEXT];
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

void images_show(struct request *request)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err, SELECT " WHERE (id = ? OR digest = ?) AND" SEEN_SQL OWN_FIRST,
			    "ss" SCOPE_TYPES, request->id, request->id, SCOPE_VALUES(request));

	row_answer(request, 200, "image", query, &err, image_json);
}

/* Answers with the realm's row for the digest. 1: answered, 0: there is none, -1 with err. */
static int image_answer_known(struct request *request, const struct import *import, unsigned int status,
			      struct error *err)
{
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, err, SELECT " WHERE digest = ? AND ifnull(realm, '') = ?", "ss",
			    import->digest, import->realm);
	int step = query == NULL ? -1 : query_step(query, err);

	if (step == 1)
		request_answer(request, status, image_json(request, query));
	return step;
}

static void import_end(struct import *import, uint64_t bytes, uint64_t entries)
{
	struct request *request = import->request;
	struct error err = ERROR_INIT;
	char id[ID_TEXT];
	unsigned int status = 201;

	id_generate(id);
	if (store_run(request->api->store, &err,
		      "INSERT INTO images (id, realm, name, digest, bytes, entries, created)"
		      " VALUES (?, nullif(?, ''), ?, ?, ?, ?, ?)",
		      "ssssiii", id, import->realm, import->name, import->digest, (int64_t)bytes, (int64_t)entries,
		      time_now_ms()) == -1) {
		if (err.code != EEXIST) {
			/* The layer without a row is garbage; the engine hears so at the next sync. */
			request_fail_error(request, &err);
			return;
		}
		status = 200; /* somebody uploaded the same meanwhile */
	}
	int known = image_answer_known(request, import, status, &err);
	if (known == -1)
		request_fail_error(request, &err);
	else if (known == 0)
		request_fail(request, 409, "conflict", NULL, "the realm was deleted meanwhile");
}

static void import_answered(const struct message *answer, const struct error *err, void *data)
{
	struct import *import = data;

	if (err != NULL) {
		struct error shown = *err;
		/* What is wrong with an archive is the body's fault, wherever in it. */
		if (shown.code == EINVAL || shown.code == EBADMSG)
			request_fail(import->request, 400, "invalid_image",
				     shown.field[0] == '\0' ? "body" : shown.field, "%s", shown.message);
		else if (shown.code == EBUSY) /* the same or too many others are being unpacked */
			request_fail(import->request, 503, "unavailable", NULL, "%s", shown.message);
		else
			request_fail_error(import->request, &shown);
	} else {
		const struct result_message *result = answer->payload;
		import_end(import, result->bytes, result->entries);
	}
	free(import);
}

/* The realm the image is for: named, or the token's only one, or none for callers of the whole platform. */
static int import_realm(struct request *request, struct import *import, struct error *err)
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
		snprintf(import->realm, sizeof import->realm, "%s", query_text(query, 0));
		return 0;
	}
	int seen = caller_sees_realm(request->api->store, &request->caller, realm, err);
	if (seen == 0) {
		error_field(err, "realm", "there is no such realm");
		err->code = ENOENT;
	}
	if (seen != 1)
		return -1;
	snprintf(import->realm, sizeof import->realm, "%s", realm);
	return 0;
}

void images_create(struct request *request)
{
	struct store *store = request->api->store;
	const char *name = request_query(request, "name");
	struct error err = ERROR_INIT;
	struct image_message message = { .bytes_max = IMAGE_BYTES_MAX, .entries_max = IMAGE_ENTRIES_MAX };
	int64_t bytes, entries;
	int fd, known;

	struct import *import = calloc(1, sizeof *import);
	if (import == NULL) {
		error_set(&err, ENOBUFS, "no memory for an import");
		goto fail;
	}
	import->request = request;
	if (name == NULL) {
		error_field(&err, "name", "the image needs a name: ?name=...");
		goto fail;
	}
	if (name_check_image(name, "name", &err) == -1 || import_realm(request, import, &err) == -1 ||
	    upload_finish(request->upload, import->digest, &fd, &err) == -1)
		goto fail;
	snprintf(import->name, sizeof import->name, "%s", name);

	known = image_answer_known(request, import, 200, &err);
	if (known == -1)
		goto fail;
	if (known == 1) {
		free(import);
		return;
	}
	/* Another realm has this layer: the client has shown that it holds the whole archive too. */
	if (store_number(store, &err, -1, &bytes, "SELECT bytes FROM images WHERE digest = ?", "s", import->digest) == -1 ||
	    store_number(store, &err, 0, &entries, "SELECT entries FROM images WHERE digest = ?", "s", import->digest) == -1)
		goto fail;
	if (bytes >= 0) {
		import_end(import, (uint64_t)bytes, (uint64_t)entries);
		free(import);
		return;
	}
	memcpy(message.digest, import->digest, sizeof message.digest);
	if (peer_ask(request->api->engine, MESSAGE_IMAGE_IMPORT, &message, sizeof message, fd, IMPORT_MS,
		     import_answered, import, &err) == -1)
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
	int64_t users;

	cleanup_query sqlite3_stmt *query =
		store_query(store, &err,
			    "SELECT digest, realm, id FROM images WHERE (id = ? OR digest = ?) AND" SEEN_SQL OWN_FIRST,
			    "ss" SCOPE_TYPES, request->id, request->id, SCOPE_VALUES(request));
	int step = query == NULL ? -1 : query_step(query, &err);
	if (step == -1) {
		request_fail_error(request, &err);
		return;
	}
	if (step == 0) {
		request_fail_missing(request, "image", NULL);
		return;
	}
	if (*query_text(query, 1) == '\0' && !request->caller.platform) {
		request_fail(request, 403, "forbidden", NULL, "this image belongs to the host; its admin may delete it");
		return;
	}
	snprintf(message.digest, sizeof message.digest, "%s", query_text(query, 0));
	char id[ID_TEXT];
	snprintf(id, sizeof id, "%s", query_text(query, 2));
	if (store_run(store, &err, "DELETE FROM images WHERE id = ?", "s", id) == -1) {
		if (err.code == EBUSY)
			error_set(&err, EBUSY, "the image is used by containers; delete them first");
		request_fail_error(request, &err);
		return;
	}
	if (store_number(store, &err, 0, &users, "SELECT count(*) FROM images WHERE digest = ?", "s", message.digest) == -1 ||
	    users > 0 ||
	    peer_ask(request->api->engine, MESSAGE_IMAGE_DELETE, &message, sizeof message, -1, DELETE_MS, image_deleted,
		     request, &err) == -1)
		request_answer(request, 204, NULL);
}
