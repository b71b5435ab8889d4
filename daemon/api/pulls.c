/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pulls: images fetched from registries. Each is a row that says how far it is
 * and how it ended; what it was allowed by (user, password) is in no row.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/fetch.h"
#include "daemon/api/idempotency.h"
#include "daemon/api/image.h"
#include "daemon/api/name.h"
#include "daemon/api/page.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/reference.h"
#include "daemon/lib/secret.h"

enum { ENDED_KEPT = 100 }; /* rows of pulls that have ended, for each realm and the host */

#define SELECT "SELECT id, realm, name, reference, state, image, error_code, error_text, bytes, created, ended, blobs FROM pulls"
#define SEEN_SQL " (" SCOPE_SQL("realm") ") "

static json_t *pull_json(struct request *request, sqlite3_stmt *row)
{
	const struct fetch *fetch = fetch_find(query_text(row, 0));
	/* What it came to, once it has ended. */
	const struct pull_progress_message last = {
		.bytes = (uint64_t)query_int(row, 8), .bytes_total = (uint64_t)query_int(row, 8),
		.blobs = (uint32_t)query_int(row, 11), .blobs_total = (uint32_t)query_int(row, 11),
	};
	const struct pull_progress_message *progress = fetch == NULL ? &last : fetch_progress(fetch);
	const char *state = query_text(row, 4);
	json_t *error = json_null();

	(void)request;
	if (fetch != NULL)
		state = fetch_unpacking(fetch) ? "unpacking" : "pulling";
	if (*query_text(row, 6) != '\0')
		error = json_pack("{s:s, s:s}", "code", query_text(row, 6), "message", query_text(row, 7));
	return json_pack("{s:s, s:o, s:s, s:s, s:s, s:I, s:I, s:i, s:i, s:o, s:o, s:o, s:o}", "id", query_text(row, 0),
			 "realm", json_text_or_null(query_text(row, 1)), "name", query_text(row, 2), "reference", query_text(row, 3),
			 "state", state, "bytes", (json_int_t)progress->bytes,
			 "bytes_total", (json_int_t)progress->bytes_total, "blobs", (int)progress->blobs, "blobs_total",
			 (int)progress->blobs_total, "image", json_text_or_null(query_text(row, 5)), "error", error, "created_at",
			 time_json(query_int(row, 9)), "ended_at", time_json(query_int(row, 10)));
}

static void pull_answer(struct request *request, unsigned int status, const char *id)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err, SELECT " WHERE id = ? AND" SEEN_SQL, "s" SCOPE_TYPES, id,
			    SCOPE_VALUES(request));

	row_answer(request, status, "pull", query, &err, pull_json);
}

void pulls_list(struct request *request)
{
	struct error err = ERROR_INIT;
	struct page page;

	if (page_read(request, &page) == -1)
		return;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err, SELECT " WHERE" SEEN_SQL "AND id > ? ORDER BY id LIMIT ?",
			    SCOPE_TYPES "si", SCOPE_VALUES(request), page.after, page.limit + 1);
	page_answer(request, &page, query, &err, pull_json);
}

void pulls_show(struct request *request)
{
	pull_answer(request, 200, request->id);
}

struct wish {
	char name[NAME_MAX_IMAGE + 1], realm[ID_TEXT];
	struct pull_message *message;
};

/* Without a name of its own the image is called as in the registry, without the registry's host. */
static int name_default(const struct reference *reference, char name[NAME_MAX_IMAGE + 1], struct error *err)
{
	int size = snprintf(name, NAME_MAX_IMAGE + 1, "%s%s%s", reference->path, reference->tag[0] == '\0' ? "" : ":",
			    reference->tag);

	if (size > NAME_MAX_IMAGE || name_check_image(name, "name", err) == -1)
		return error_field(err, "name", "this reference makes no image name of lower-case letters and at most %d bytes; give one",
				   NAME_MAX_IMAGE);
	return 0;
}

static int wish_read(struct request *request, struct wish *wish, struct error *err)
{
	struct pull_message *message = wish->message;
	struct reference reference;
	bool named, of_realm, user, password;
	const struct json_field fields[] = {
		{ "reference", JSON_KIND_STRING, true, 1, REFERENCE_MAX, message->reference, NULL },
		{ "name", JSON_KIND_STRING, false, 1, NAME_MAX_IMAGE, wish->name, &named },
		{ "realm", JSON_KIND_STRING, false, 1, ID_TEXT - 1, wish->realm, &of_realm },
		{ "username", JSON_KIND_STRING, false, 1, sizeof message->user - 1, message->user, &user },
		{ "password", JSON_KIND_STRING, false, 1, sizeof message->password - 1, message->password, &password },
		{ "ca", JSON_KIND_TEXT, false, 1, sizeof message->ca - 1, message->ca, NULL },
	};

	if (json_read(request->json, "", fields, sizeof fields / sizeof fields[0], err) == -1 ||
	    reference_parse(message->reference, &reference, err) == -1)
		return -1;
	if (user != password)
		return error_field(err, user ? "password" : "username", "username and password come together");
	if (user && strchr(message->user, ':') != NULL)
		return error_field(err, "username", "a user name for HTTP has no colon (RFC 7617)");
	if (message->ca[0] != '\0' && strstr(message->ca, "-----BEGIN CERTIFICATE-----") == NULL)
		return error_field(err, "ca", "ca is not a certificate in PEM form");
	if ((named ? name_check_image(wish->name, "name", err) : name_default(&reference, wish->name, err)) == -1)
		return -1;
	return image_realm(request, of_realm ? wish->realm : NULL, err);
}

/* The row, and old ones make room. */
static int row_insert(struct store *store, const char *id, const char *realm, const struct wish *wish, struct error *err)
{
	if (store_do(store, err,
		     "DELETE FROM pulls WHERE id IN (SELECT id FROM pulls WHERE ended IS NOT NULL AND ifnull(realm, '') = ?"
		     " ORDER BY ended DESC LIMIT -1 OFFSET ?)",
		     "si", realm, (int64_t)ENDED_KEPT) == -1)
		return -1;
	return store_do(store, err,
			"INSERT INTO pulls (id, realm, name, reference, state, created)"
			" VALUES (?, nullif(?, ''), ?, ?, 'pulling', ?)",
			"ssssi", id, realm, wish->name, wish->message->reference, time_now_ms());
}

void pulls_create(struct request *request)
{
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	char id[ID_TEXT];
	int before;
	struct secret *secret = secret_new(sizeof(struct pull_message), &err);
	struct wish wish = { .message = secret == NULL ? NULL : (void *)secret->data };

	if (secret == NULL || wish_read(request, &wish, &err) == -1 || store_begin(store, &err) == -1)
		goto fail;
	before = idempotency_check(request, id);
	if (before != 0) {
		store_rollback(store);
		secret_free(secret);
		if (before == 1)
			pull_answer(request, 202, id);
		return;
	}
	id_generate(id);
	if (image_room(store, request->realm, &err) == -1 || fetch_check_room(request->realm, &err) == -1 ||
	    row_insert(store, id, request->realm, &wish, &err) == -1 || idempotency_record(request, id, &err) == -1 ||
	    store_commit(store, &err) == -1) {
		store_rollback(store);
		goto fail;
	}
	fetch_begin(request->api, id, request->realm, wish.name, secret);
	pull_answer(request, 202, id);
	return;

fail:
	secret_free(secret);
	request_fail_error(request, &err);
}

void pulls_delete(struct request *request)
{
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query =
		store_query(store, &err, "SELECT realm FROM pulls WHERE id = ? AND" SEEN_SQL, "s" SCOPE_TYPES, request->id,
			    SCOPE_VALUES(request));
	int step = query == NULL ? -1 : query_step(query, &err);
	struct fetch *fetch = fetch_find(request->id);

	if (step == 0) {
		request_fail_missing(request, "pull", NULL);
		return;
	}
	if (step == 1 && fetch != NULL && fetch_unpacking(fetch)) {
		request_fail(request, 409, "in_use", NULL, "the image has been fetched and is being unpacked; wait, then delete the image");
		return;
	}
	if (step == -1 || store_do(store, &err, "DELETE FROM pulls WHERE id = ?", "s", request->id) == -1) {
		request_fail_error(request, &err);
		return;
	}
	if (fetch != NULL)
		fetch_cancel(fetch);
	request_answer(request, 204, NULL);
}
