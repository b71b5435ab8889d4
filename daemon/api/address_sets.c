/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address_sets: a realm's named lists of networks, for firewall rules to name
 * (lib/rule.h). A list comes and goes as text, a network a line; new addresses are in
 * force for all that name the set when the answer comes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/address_set.h"
#include "daemon/api/api.h"
#include "daemon/api/auth.h"
#include "daemon/api/body.h"
#include "daemon/api/idempotency.h"
#include "daemon/api/name.h"
#include "daemon/api/page.h"
#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/api/upload.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"

enum {
	SETS_MAX = 64,             /* of a realm */
	SETS_ADDRESSES_MAX = 200000, /* of all a realm's sets: the kernel takes some 200 bytes for each */
	COMMENT_MAX = 255,
	APPLY_MS = 60000,
};

#define SELECT "SELECT id, realm, name, comment, ipv4, ipv6, created FROM address_sets"

static json_t *set_json(struct request *request, sqlite3_stmt *row)
{
	(void)request;
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o}", "id", query_text(row, 0), "realm", query_text(row, 1), "name", query_text(row, 2),
			 "comment", query_text(row, 3), "ipv4", (json_int_t)query_int(row, 4), "ipv6", (json_int_t)query_int(row, 5), "created_at",
			 time_json(query_int(row, 6)));
}

static void set_answer(struct request *request, unsigned int status, const char *id)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *query = store_query(request->api->store, &err, SELECT " WHERE id = ? AND" SCOPE_SQL("realm"), "s" SCOPE_TYPES, id,
							SCOPE_VALUES(request));

	row_answer(request, status, "address set", query, &err, set_json);
}

void address_sets_list(struct request *request)
{
	const char *realm = request_query(request, "realm");
	struct error err = ERROR_INIT;
	struct page page;

	if (page_read(request, &page) == -1)
		return;
	cleanup_query sqlite3_stmt *query =
		store_query(request->api->store, &err, SELECT " WHERE" SCOPE_SQL("realm") "AND id > ? AND realm = ifnull(?, realm) ORDER BY id LIMIT ?",
			    SCOPE_TYPES "ssi", SCOPE_VALUES(request), page.after, realm, page.limit + 1);
	page_answer(request, &page, query, &err, set_json);
}

void address_sets_show(struct request *request)
{
	set_answer(request, 200, request->id);
}

/* -- names -- */

static int name_taken(const char *name, struct error *err)
{
	if (err->code != EEXIST)
		return -1;
	error_field(err, "name", "the realm has an address set named %s already", name);
	err->code = EEXIST;
	return -1;
}

static int set_create(struct request *request, const char *id, const char *realm, const char *name, const char *comment, struct error *err)
{
	struct store *store = request->api->store;
	int64_t count;

	if (store_number(store, err, 0, &count, "SELECT count(*) FROM address_sets WHERE realm = ?", "s", realm) == -1)
		return -1;
	if (count >= SETS_MAX)
		return error_set(err, EMLINK, "the realm has %d address sets already; delete one first", SETS_MAX);
	if (store_do(store, err, "INSERT INTO address_sets (id, realm, name, comment, version, addresses, ipv4, ipv6, created)"
				 " VALUES (?, ?, ?, ?, 0, x'', 0, 0, ?)", "ssssi", id, realm, name, comment, time_now_ms()) == -1)
		return name_taken(name, err);
	return idempotency_record(request, id, err);
}

void address_sets_create(struct request *request)
{
	char name[NAME_MAX_LABEL + 1], comment[COMMENT_MAX + 1] = "", realm[ID_TEXT], id[ID_TEXT];
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	const struct json_field fields[] = {
		{ "realm", JSON_KIND_STRING, request->caller.realm[0] == '\0', 1, ID_TEXT - 1, realm, NULL },
		{ "name", JSON_KIND_STRING, true, 1, NAME_MAX_LABEL, name, NULL },
		{ "comment", JSON_KIND_STRING, false, 0, COMMENT_MAX, comment, NULL },
	};

	memcpy(realm, request->caller.realm, sizeof realm); /* of the host name, unless the body says another */
	if (json_read(request->json, "", fields, sizeof fields / sizeof fields[0], &err) == -1 || name_check(name, "name", &err) == -1 ||
	    store_begin(store, &err) == -1) {
		request_fail_error(request, &err);
		return;
	}
	int before = idempotency_check(request, id);
	if (before != 0) {
		store_rollback(store);
		if (before == 1)
			set_answer(request, 201, id);
		return;
	}
	int seen = caller_sees_realm(store, &request->caller, realm, &err);
	if (seen == 0) {
		store_rollback(store);
		request_fail_missing(request, "realm", "realm");
		return;
	}
	id_generate(id);
	if (seen == -1 || set_create(request, id, realm, name, comment, &err) == -1 || store_commit(store, &err) == -1) {
		store_rollback(store);
		request_fail_error(request, &err);
		return;
	}
	set_answer(request, 201, id);
}

void address_sets_change(struct request *request)
{
	char name[NAME_MAX_LABEL + 1] = "", comment[COMMENT_MAX + 1] = "";
	bool commented = json_object_get(request->json, "comment") != NULL;
	struct error err = ERROR_INIT;
	const struct json_field fields[] = {
		{ "name", JSON_KIND_STRING, false, 1, NAME_MAX_LABEL, name, NULL },
		{ "comment", JSON_KIND_STRING, false, 0, COMMENT_MAX, comment, NULL },
	};
	int count = -1;

	if (json_read(request->json, "", fields, sizeof fields / sizeof fields[0], &err) == 0 && (name[0] == '\0' || name_check(name, "name", &err) == 0))
		count = store_run(request->api->store, &err,
				  "UPDATE address_sets SET name = ifnull(?, name), comment = ifnull(?, comment) WHERE id = ? AND" SCOPE_SQL("realm"),
				  "sss" SCOPE_TYPES, name[0] == '\0' ? NULL : name, commented ? comment : NULL, request->id, SCOPE_VALUES(request));
	if (count == -1 && err.code == EEXIST)
		(void)name_taken(name, &err);
	if (count == -1)
		request_fail_error(request, &err);
	else if (count == 0)
		request_fail_missing(request, "address set", NULL);
	else
		set_answer(request, 200, request->id);
}

/* -- addresses -- */

/* 1 if the caller sees the set of the request: its realm is noted in the request, *ret_version is that of its addresses. 0, -1: answered. */
static int set_open(struct request *request, int64_t *ret_version)
{
	struct error err = ERROR_INIT;
	cleanup_query sqlite3_stmt *row = store_query(request->api->store, &err, "SELECT realm, version FROM address_sets WHERE id = ? AND" SCOPE_SQL("realm"),
						      "s" SCOPE_TYPES, request->id, SCOPE_VALUES(request));
	int step = row == NULL ? -1 : query_step(row, &err);

	if (step == -1)
		request_fail_error(request, &err);
	else if (step == 0)
		request_fail_missing(request, "address set", NULL);
	if (step != 1)
		return step;
	snprintf(request->realm, sizeof request->realm, "%s", query_text(row, 0));
	*ret_version = query_int(row, 1);
	return 1;
}

void address_sets_addresses(struct request *request)
{
	struct address_set set;
	struct error err = ERROR_INIT;
	int64_t version;
	size_t size;

	if (set_open(request, &version) != 1)
		return;
	if (address_set_of(request->api->store, request->id, &set, &err) == -1) {
		request_fail_error(request, &err);
		return;
	}
	cleanup_free char *text = address_set_text(&set, &size);
	address_set_free(&set);
	cleanup_fd int fd = text == NULL ? error_set(&err, ENOMEM, "no memory for a set of addresses") : fd_memory("addresses", text, size, &err);
	if (fd == -1) {
		request_fail_error(request, &err);
		return;
	}
	request_answer_add(request, "ETag", "\"%lld\"", (long long)version);
	request_answer_file(request, "text/plain", fd_steal(&fd), size);
}

/* New addresses, until the engine has them. */
struct writing {
	struct request *request;
	struct api *api;
	char id[ID_TEXT];
	struct address_set before;
	int64_t version; /* what it is now */
};

static void writing_free(struct writing *writing)
{
	address_set_free(&writing->before);
	free(writing);
}

static int addresses_write(struct store *store, const char *id, const struct address_set *set, int64_t version, struct error *err)
{
	const void *bytes = set->count == 0 ? "" : (const void *)set->addresses; /* NULL would be null */

	return store_do(store, err, "UPDATE address_sets SET addresses = ?, ipv4 = ?, ipv6 = ?, version = ? WHERE id = ?", "biiis", bytes, address_set_size(set), (int64_t)address_set_count(set, AF_INET), (int64_t)address_set_count(set, AF_INET6), version, id);
}

static void taken_back(const struct message *answer, const struct error *err, void *data)
{
	struct writing *writing = data;

	(void)answer;
	if (err != NULL)
		log_error("address set %s is as before, and the engine does not know yet: %s", writing->id, err->message);
	writing_free(writing);
}

/* Unless somebody has written it again since. */
static void take_back(struct writing *writing)
{
	struct store *store = writing->api->store;
	struct error err = ERROR_INIT;
	int64_t version;

	if (store_number(store, &err, -1, &version, "SELECT version FROM address_sets WHERE id = ?", "s", writing->id) == -1 ||
	    version != writing->version) {
		writing_free(writing);
		return;
	}
	if (addresses_write(store, writing->id, &writing->before, version + 1, &err) == -1 ||
	    address_set_ask(writing->api, writing->id, APPLY_MS, taken_back, writing, &err) == -1) {
		log_error("address set %s cannot be taken back: %s", writing->id, err.message);
		writing_free(writing);
	}
}

static void applied(const struct message *answer, const struct error *err, void *data)
{
	struct writing *writing = data;

	(void)answer;
	if (err != NULL) {
		request_fail_host(writing->request, err);
		take_back(writing);
		return;
	}
	request_answer_add(writing->request, "ETag", "\"%lld\"", (long long)writing->version);
	set_answer(writing->request, 200, writing->id);
	writing_free(writing);
}

static int list_read(struct request *request, struct address_set *ret_set, struct error *err)
{
	cleanup_free char *text = NULL;
	char digest[DIGEST_TEXT];
	size_t size;

	if (request->received == 0)
		return error_field(err, "body", "the body is empty: send a network a line, or a comment to have none");
	if (upload_finish(request->upload, digest, err) == -1 ||
	    fd_memory_read(upload_reader(request->upload), ADDRESS_SET_TEXT_MAX, &text, &size, err) == -1)
		return -1;
	return address_set_parse(text, size, ret_set, err);
}

/* Whether the realm may have so many. */
static int room_check(struct store *store, const char *realm, const char *id, size_t count, struct error *err)
{
	int64_t others;

	if (store_number(store, err, 0, &others, "SELECT ifnull(sum(ipv4 + ipv6), 0) FROM address_sets WHERE realm = ? AND id <> ?", "ss", realm, id) == -1)
		return -1;
	if (others + (int64_t)count > SETS_ADDRESSES_MAX)
		return error_set(err, EMLINK, "all sets of a realm together have at most %d networks; the others have %lld", SETS_ADDRESSES_MAX, (long long)others);
	return 0;
}

static bool too_large(struct request *request, uint64_t size)
{
	if (size <= ADDRESS_SET_TEXT_MAX || size == UINT64_MAX)
		return false;
	request_fail(request, 413, "too_large", NULL, "a list of addresses may have at most %d bytes", ADDRESS_SET_TEXT_MAX);
	return true;
}

void address_sets_addresses_head(struct request *request)
{
	int64_t version;

	if (set_open(request, &version) == 1 && !too_large(request, body_declared(request)))
		(void)request_if_match(request, version);
}

void address_sets_addresses_set(struct request *request)
{
	struct store *store = request->api->store;
	struct address_set set = { 0 };
	struct error err = ERROR_INIT;
	int64_t version;

	if (too_large(request, request->received) || set_open(request, &version) != 1 || !request_if_match(request, version))
		return;
	struct writing *writing = calloc(1, sizeof *writing);
	int result = writing == NULL ? error_set(&err, ENOMEM, "no memory for a set of addresses") : list_read(request, &set, &err);
	if (result == 0)
		result = room_check(store, request->realm, request->id, set.count, &err);
	if (result == 0)
		result = address_set_of(store, request->id, &writing->before, &err);
	if (result == 0)
		result = addresses_write(store, request->id, &set, version + 1, &err);
	address_set_free(&set);
	if (result == -1) {
		request_fail_error(request, &err);
		if (writing != NULL)
			writing_free(writing);
		return;
	}
	writing->request = request;
	writing->api = request->api;
	writing->version = version + 1;
	snprintf(writing->id, sizeof writing->id, "%.24s", request->id);
	if (address_set_ask(writing->api, writing->id, APPLY_MS, applied, writing, &err) == -1) {
		request_fail_host(request, &err);
		take_back(writing);
	}
}

/* -- the end -- */

static void removed(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	(void)data;
	if (err != NULL) /* it is not named any more, so the next engine's sweep takes it */
		log_warning("a deleted address set is still in the firewall: %s", err->message);
}

void address_sets_delete(struct request *request)
{
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	int64_t version, users;

	if (set_open(request, &version) != 1)
		return;
	if (store_number(store, &err, 0, &users, "SELECT count(*) FROM firewalls WHERE instr(document, ?) > 0 AND"
						 " (container IS NULL OR container IN (SELECT id FROM containers WHERE deleted IS NULL))",
			 "s", request->id) == -1) {
		request_fail_error(request, &err);
		return;
	}
	if (users > 0) {
		request_fail(request, 409, "conflict", NULL, "%lld firewalls have rules that name the set; change them first", (long long)users);
		return;
	}
	if (store_do(store, &err, "DELETE FROM address_sets WHERE id = ?", "s", request->id) == -1) {
		request_fail_error(request, &err);
		return;
	}
	if (address_set_ask_gone(request->api, request->id, removed, &err) == -1)
		log_warning("a deleted address set is still in the firewall: %s", err.message);
	request_answer(request, 204, NULL);
}
