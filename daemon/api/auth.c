/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/auth.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"

static const char *const role_names[] = {
	[CALLER_READER] = "reader", [CALLER_OPERATOR] = "operator", [CALLER_ADMIN] = "admin",
};

const char *caller_role_name(enum caller_role role)
{
	return role_names[role];
}

bool caller_role_parse(const char *name, enum caller_role *ret_role)
{
	for (size_t i = 0; i < sizeof role_names / sizeof role_names[0]; i++) {
		if (strcmp(name, role_names[i]) == 0) {
			*ret_role = (enum caller_role)i;
			return true;
		}
	}
	return false;
}

void auth_hash(const char *token, uint8_t hash[DIGEST_BYTES])
{
	SHA256((const unsigned char *)token, strlen(token), hash);
}

bool auth_peer_is_root(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

int auth_caller(struct store *store, const char *authorization, int64_t now_ms, struct caller *ret_caller,
		struct error *err)
{
	uint8_t hash[DIGEST_BYTES];

	if (authorization == NULL)
		return error_set(err, EPERM, "no token: send the header 'Authorization: Bearer <token>'");
	if (strncasecmp(authorization, "Bearer ", 7) != 0 || !hex_valid(authorization + 7, TOKEN_TEXT - 1))
		return error_set(err, EPERM, "the token is not valid");
	auth_hash(authorization + 7, hash);

	cleanup_query sqlite3_stmt *query = store_query(
		store, err, "SELECT id, hash, role, platform, expires FROM tokens WHERE hash = ?", "b", hash, sizeof hash);
	if (query == NULL)
		return -1;
	int step = query_step(query, err);
	if (step == -1)
		return -1;
	/* The index compares bytes in order, but of hashes: an attacker cannot steer them. */
	if (step == 0 || sqlite3_column_bytes(query, 1) != DIGEST_BYTES ||
	    CRYPTO_memcmp(sqlite3_column_blob(query, 1), hash, DIGEST_BYTES) != 0)
		return error_set(err, EPERM, "the token is not valid");
	int64_t role = query_int(query, 2);
	if (role < CALLER_READER || role > CALLER_ADMIN)
		return error_set(err, EIO, "the stored token has an unknown role");
	if (sqlite3_column_type(query, 4) != SQLITE_NULL && query_int(query, 4) <= now_ms)
		return error_set(err, EPERM, "the token has expired");
	*ret_caller = (struct caller){ .role = (enum caller_role)role, .platform = query_int(query, 3) != 0,
					.expires = query_int(query, 4) };
	snprintf(ret_caller->token, sizeof ret_caller->token, "%s", query_text(query, 0));
	return 0;
}

int caller_sees_realm(struct store *store, const struct caller *caller, const char *realm, struct error *err)
{
	int64_t found;

	if (store_number(store, err, 0, &found, "SELECT 1 FROM realms WHERE id = ? AND" SCOPE_SQL("id"), "s" SCOPE_TYPES,
			 realm, SCOPE_OF(caller)) == -1)
		return -1;
	return (int)found;
}
