/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * password: hashes of passwords by argon2id (RFC 9106), as text in the usual form:
 * "$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>", both in base64.
 *
 * Making one, or comparing, takes 19 MiB and some 20 ms: not for a process that others wait for.
 */
#ifndef BULKHEAD_PASSWORD_H
#define BULKHEAD_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

struct error;

enum {
	PASSWORD_MAX = 1024,
	PASSWORD_HASH_TEXT = 192,
	PASSWORD_KIB = 19456,     /* of hashes made here; t=2, p=1: what OWASP's cheat sheet asks for at least */
	PASSWORD_KIB_MAX = 65536, /* of those brought along */
	PASSWORD_PASSES_MAX = 10,
};

/* Makes one with a fresh salt. */
int password_hash(const char *password, char hash[PASSWORD_HASH_TEXT], struct error *err);

/* Whether the text is such a hash, of no more than the limits. */
bool password_hash_valid(const char *hash);

/* 1: it is of this password, 0: it is not, -1 with err. */
int password_verify(const char *hash, const char *password, struct error *err);

#endif
