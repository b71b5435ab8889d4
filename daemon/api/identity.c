/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/identity.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/api/api.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/identity_key.h"

int identity_load(struct store *store, struct identity_key_message *ret_message, struct error *err)
{
	cleanup_query sqlite3_stmt *row = store_query(store, err, "SELECT value FROM meta WHERE key = 'identity_key'", "");
	int step = row == NULL ? -1 : query_step(row, err);

	if (step == -1)
		return -1;
	if (step == 1 && sqlite3_column_bytes(row, 0) == IDENTITY_KEY_BYTES) {
		memcpy(ret_message->key, sqlite3_column_blob(row, 0), IDENTITY_KEY_BYTES);
		return 0;
	}
	if (getrandom(ret_message->key, IDENTITY_KEY_BYTES, 0) != IDENTITY_KEY_BYTES)
		abort(); /* cannot happen for 32 bytes, getrandom(2) */
	return store_do(store, err, "INSERT OR REPLACE INTO meta (key, value) VALUES ('identity_key', ?)", "b", ret_message->key, sizeof ret_message->key);
}

void identity_jwks(struct request *request)
{
	struct identity_key_message message;
	struct error err = ERROR_INIT;
	struct identity_key *key = NULL;
	json_t *jwks = NULL;

	if (identity_load(request->api->store, &message, &err) == 0) {
		key = identity_key_new(message.key, &err);
		explicit_bzero(&message, sizeof message);
	}
	if (key != NULL)
		jwks = identity_key_jwks(key, &err);
	identity_key_free(key);
	if (jwks == NULL)
		request_fail_error(request, &err);
	else
		request_answer(request, 200, jwks);
}
