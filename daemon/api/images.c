/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * images: root file systems, uploaded whole, as one tar or in layers (OCI,
 * docker). Layers on disk are shared by all rows that have them; a row belongs to
 * a realm, or to the host (realm null): usable by all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/auth.h"
#include "daemon/api/image.h"
#include "daemon/api/name.h"
#include "daemon/api/page.h"
#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/api/upload.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

#define SELECT \
	"SELECT id, realm, name, digest, bytes, entries, created, config, settings, (SELECT json_group_array(digest) FROM" \
	" (SELECT digest FROM image_layers WHERE image = images.id ORDER BY position)) FROM images"

/* Images of the host are seen by everybody. */
#define SEEN_SQL " (realm IS NULL OR" SCOPE_SQL("realm") ") "

static json_t *image_json(struct request *request, sqlite3_stmt *row)
{
	json_t *realm = *query_text(row, 1) == '\0' ? json_null() : json_string(query_text(row, 1));
	json_t *config = *query_text(row, 7) == '\0' ? json_null() : json_loads(query_text(row, 7), 0, NULL);

	json_t *settings = *query_text(row, 8) == '\0' ? json_null() : json_loads(query_text(row, 8), 0, NULL);

	(void)request;
	return json_pack("{s:s, s:o, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o}", "id", query_text(row, 0), "realm", realm, "name",
			 query_text(row, 2), "digest", query_text(row, 3), "bytes", (json_int_t)query_int(row, 4),
			 "entries", (json_int_t)query_int(row, 5), "layers", json_loads(query_text(row, 9), 0, NULL), "config",
			 config, "container", settings, "created_at", time_json(query_int(row, 6)));
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

void images_create_head(struct request *request)
{
	const char *name = request_query(request, "name");
	struct error err = ERROR_INIT;

	if (name == NULL)
		error_field(&err, "name", "the image needs a name: ?name=...");
	if (name == NULL || name_check_image(name, "name", &err) == -1 || image_realm(request, request_query(request, "realm"), &err) == -1 ||
	    image_room(request->api->store, request->realm, &err) == -1)
		request_fail_error(request, &err);
}

static void upload_answer(struct request *request, unsigned int status, const char *id)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query = store_query(request->api->store, &err, SELECT " WHERE id = ?", "s", id);

	row_answer(request, status, "image", query, &err, image_json);
}

static void upload_imported(const char *image, bool made, const struct error *err, void *data)
{
	struct request *request = data;

	if (err == NULL)
		upload_answer(request, made ? 201 : 200, image);
	else if (err->code == EINVAL || err->code == EBADMSG) /* what is wrong with an archive is the body's fault, wherever in it */
		request_fail(request, 400, "invalid_image", err->field[0] == '\0' ? "body" : err->field, "%s", err->message);
	else if (err->code == EBUSY) /* the same or too many others are being unpacked */
		request_fail(request, 503, "unavailable", NULL, "%s", err->message);
	else
		request_fail_host(request, err);
}

void images_create(struct request *request)
{
	struct image_source source = { .fd = -1 };
	struct error err = ERROR_INIT;
	char id[ID_TEXT];
	int known = request->received == 0 ? error_set(&err, EINVAL, "the body is empty: send a tar archive")
					   : upload_finish(request->upload, source.archive, &err);

	if (known == 0)
		known = image_known(request->api->store, request->realm, source.archive, id, &err);
	if (known == 1) {
		upload_answer(request, 200, id);
		return;
	}
	memcpy(source.realm, request->realm, sizeof source.realm);
	snprintf(source.name, sizeof source.name, "%s", request_query(request, "name"));
	source.fd = upload_reader(request->upload);
	if (known == -1 || image_import(request->api, &source, upload_imported, request, &err) == -1)
		request_fail_error(request, &err);
}

static void image_removed(void *data)
{
	request_answer(data, 204, NULL);
}

void images_delete(struct request *request)
{
	struct error err = ERROR_INIT;
	char id[ID_TEXT];
	int64_t host;

	int found = image_find(request, id, &err);
	if (found == 0)
		return;
	if (found == -1 || store_number(request->api->store, &err, 0, &host, "SELECT realm IS NULL FROM images WHERE id = ?", "s",
					id) == -1)
		request_fail_error(request, &err);
	else if (host != 0 && !request->caller.platform)
		request_fail(request, 403, "forbidden", NULL, "this image belongs to the host; its admin may delete it");
	else if (image_remove(request->api, id, image_removed, request, &err) == -1)
		request_fail_error(request, &err);
}
