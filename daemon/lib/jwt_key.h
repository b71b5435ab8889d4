/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jwt_key: what the keys of jwt.h are made of; between its two halves. */
#ifndef BULKHEAD_JWT_KEY_H
#define BULKHEAD_JWT_KEY_H

#include <openssl/evp.h>
#include <stddef.h>

#include "daemon/lib/jwt.h"

enum { JWT_KID_MAX = 255 };

struct jwt_key {
	char kid[JWT_KID_MAX + 1]; /* "": it has none */
	EVP_PKEY *pkey;            /* NULL: a secret */
};

struct jwt_keys {
	enum jwt_algorithm algorithm;
	char *secret;              /* of HS256 */
	size_t count;
	struct jwt_key keys[JWT_KEYS_MAX];
};

#endif
