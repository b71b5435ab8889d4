/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jwt: JSON web tokens (RFC 7519) in the compact form of RFC 7515, as far as access needs them:
 * one signature, made with the one algorithm that the key is for. A token does not choose how it
 * is checked: whatever its header says beyond the pinned algorithm is refused.
 */
#ifndef BULKHEAD_JWT_H
#define BULKHEAD_JWT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct jwt_keys;

enum {
	JWT_TEXT_MAX = 8192,
	JWT_SECRET_MIN = 32,  /* bytes; RFC 7518, 3.2 */
	JWT_SECRET_MAX = 4096,
	JWT_KEYS_MAX = 16,    /* of a JWKS document */
	JWT_LEEWAY_MAX = 300, /* seconds */
};

enum jwt_algorithm { JWT_HS256, JWT_RS256, JWT_ES256, JWT_EDDSA, JWT_ALGORITHMS };

/* -1: none is called so. */
int jwt_algorithm_find(const char *name);
const char *jwt_algorithm_name(enum jwt_algorithm algorithm);

/*
 * A key: the secret of HS256, the PEM text of a public key, or a JWKS document (RFC 7517) of public keys, of
 * which those for another algorithm or use are passed over. NULL with err, without a field: no such key, or a
 * weak one (RSA below 2048 bits).
 */
struct jwt_keys *jwt_keys_secret(const char *secret, struct error *err);
struct jwt_keys *jwt_keys_pem(enum jwt_algorithm algorithm, const char *pem, struct error *err);
struct jwt_keys *jwt_keys_jwks(enum jwt_algorithm algorithm, const json_t *jwks, struct error *err);
void jwt_keys_free(struct jwt_keys *keys); /* wipes; takes NULL */

struct jwt_policy {
	const struct jwt_keys *keys;
	const char *issuer, *audience; /* NULL: any */
	json_t *claims;                /* each is to be there with this value, or to have it in its list; NULL: none */
	int64_t leeway;                /* seconds that clocks may differ */
	bool expiry_optional;          /* a token without exp is taken, too */
};

/*
 * Whether the token holds at a time (seconds since 1970). 0, with the claims, the caller's reference, and when it
 * expires, with the leeway, in *ret_expires (0: never); -1 with err for the log: the caller of a service is
 * told nothing of it.
 */
int jwt_verify(const char *text, size_t size, const struct jwt_policy *policy, int64_t now, json_t **ret_claims, int64_t *ret_expires,
	       struct error *err);

#endif
