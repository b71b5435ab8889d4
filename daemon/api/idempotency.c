/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/idempotency.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"

enum {
	KEY_MAX = 128,
	KEYS_MAX = 10000, /* of one caller */
	PURGE_MAX = 64,   /* old ones for each new one: nobody waits for a day's worth, and they get fewer all the same */
};

#define KEY_AGE_MS (INT64_C(24) * 3600 * 1000)

static const char *key_of(struct request *request)
{
	return request_header(request, "Idempotency-Key");
}

int idempotency_check(struct request *request, char ret_id[ID_TEXT])
{
	const char *key = key_of(request);
	struct error err = ERROR_INIT;
	unsigned char hash[DIGEST_BYTES];
	cleanup_query sqlite3_stmt *query = NULL;
	int64_t count = 0;
	int step;

	if (key == NULL)
		return 0;
	size_t size = strlen(key);
	bool good = size > 0 && size <= KEY_MAX;
	for (size_t i = 0; good && i < size; i++)
		good = key[i] > ' ' && key[i] < 0x7f;
	if (!good) {
		request_fail(request, 400, "invalid", "Idempotency-Key",
			     "Idempotency-Key must be 1 to %d printable characters without blanks", KEY_MAX);
		return -1;
	}
	if (store_do(request->api->store, &err,
		     "DELETE FROM idempotency WHERE rowid IN (SELECT rowid FROM idempotency WHERE created < ?1"
		     " ORDER BY created LIMIT ?2)",
		     "ii", time_now_ms() - KEY_AGE_MS, (int64_t)PURGE_MAX) == -1)
		goto fail;
	SHA256((const unsigned char *)request->body, request->body_size, hash);
	query = store_query(request->api->store, &err,
			    "SELECT resource, path, body FROM idempotency WHERE caller = ? AND key = ? AND created >= ?", "ssi",
			    request->caller.token, key, time_now_ms() - KEY_AGE_MS);
	step = query == NULL ? -1 : query_step(query, &err);
	if (step == -1)
		goto fail;
	if (step == 0 && store_number(request->api->store, &err, 0, &count,
				      "SELECT count(*) FROM idempotency WHERE caller = ?", "s", request->caller.token) == -1)
		goto fail;
	if (step == 0 && count >= KEYS_MAX) {
		request_fail(request, 409, "limit", "Idempotency-Key",
			     "%d keys were used within a day, which is the limit; wait, or send none", KEYS_MAX);
		return -1;
	}
	if (step == 0)
		return 0;
	if (strcmp(query_text(query, 1), request->path) != 0 || sqlite3_column_bytes(query, 2) != DIGEST_BYTES ||
	    memcmp(sqlite3_column_blob(query, 2), hash, DIGEST_BYTES) != 0) {
		request_fail(request, 422, "idempotency_mismatch", "Idempotency-Key",
			     "this Idempotency-Key was used with another path or body");
		return -1;
	}
	snprintf(ret_id, ID_TEXT, "%s", query_text(query, 0));
	request->replayed = true;
	return 1;

fail:
	request_fail_error(request, &err);
	return -1;
}

int idempotency_record(struct request *request, const char *id, struct error *err)
{
	const char *key = key_of(request);
	unsigned char hash[DIGEST_BYTES];

	if (key == NULL)
		return 0;
	SHA256((const unsigned char *)request->body, request->body_size, hash);
	return store_do(request->api->store, err,
			"INSERT OR REPLACE INTO idempotency (caller, key, path, body, resource, created) VALUES (?, ?, ?, ?, ?, ?)",
			"sssbsi", request->caller.token, key, request->path, hash, sizeof hash, id, time_now_ms());
}
