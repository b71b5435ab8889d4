/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * auth: who is asking. A token is 256 random bits as 64 hex digits; the store
 * has its SHA-256 only.
 */
#ifndef BULKHEAD_AUTH_H
#define BULKHEAD_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/api/request.h"
#include "daemon/lib/hex.h"

struct store;

/*
 * Finds the caller of an Authorization header's value (NULL: none came).
 * Returns 0, or -1 with err: EPERM not a valid token (one text for all reasons
 * but expiry), EIO the store.
 */
int auth_caller(struct store *store, const char *authorization, int64_t now_ms, struct caller *ret_caller,
		struct error *err);

void auth_hash(const char *token, uint8_t hash[DIGEST_BYTES]);

/* True for a peer of the local socket that is root (SO_PEERCRED). */
bool auth_peer_is_root(int fd);

const char *caller_role_name(enum caller_role role);
bool caller_role_parse(const char *name, enum caller_role *ret_role);

/* 1 if the realm exists and the caller may act in it, 0 if not, -1 with err. */
int caller_sees_realm(struct store *store, const struct caller *caller, const char *realm, struct error *err);

#endif
