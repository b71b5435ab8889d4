/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/password.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/lib/base64.h"
#include "daemon/lib/error.h"

enum { SALT_BYTES = 16, SALT_MIN = 8, SALT_MAX = 48, KEY_BYTES = 32, KEY_MIN = 16, KEY_MAX = 64, PASSES = 2 };

struct parsed {
	uint32_t kib, passes, lanes;
	uint8_t salt[SALT_MAX], key[KEY_MAX];
	size_t salt_size, key_size;
};

static int derive(const char *password, struct parsed *with, uint8_t *key, size_t key_size, struct error *err)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "ARGON2ID", NULL);
	EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	uint32_t threads = 1;
	char own[PASSWORD_MAX + 1];

	snprintf(own, sizeof own, "%s", password);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, own, strlen(own)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, with->salt, with->salt_size),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &with->passes),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_MEMCOST, &with->kib),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_LANES, &with->lanes),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_THREADS, &threads),
		OSSL_PARAM_construct_end(),
	};
	int done = context == NULL ? 0 : EVP_KDF_derive(context, key, key_size, params);

	explicit_bzero(own, sizeof own);
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return done == 1 ? 0 : error_set(err, ENOMEM, "argon2id with %u KiB failed", with->kib);
}

int password_hash(const char *password, char hash[PASSWORD_HASH_TEXT], struct error *err)
{
	struct parsed with = { .kib = PASSWORD_KIB, .passes = PASSES, .lanes = 1, .salt_size = SALT_BYTES };
	char salt[BASE64_TEXT(SALT_BYTES)], key_text[BASE64_TEXT(KEY_BYTES)];
	uint8_t key[KEY_BYTES];

	if (getrandom(with.salt, SALT_BYTES, 0) != SALT_BYTES)
		abort(); /* cannot happen for 16 bytes, getrandom(2) */
	if (derive(password, &with, key, sizeof key, err) == -1)
		return -1;
	base64_encode(with.salt, SALT_BYTES, false, salt);
	base64_encode(key, sizeof key, false, key_text);
	snprintf(hash, PASSWORD_HASH_TEXT, "$argon2id$v=19$m=%u,t=%u,p=%u$%s$%s", with.kib, with.passes, with.lanes, salt, key_text);
	return 0;
}

static bool parse(const char *hash, struct parsed *ret)
{
	int end = 0;

	*ret = (struct parsed){ 0 };
	if (strlen(hash) >= PASSWORD_HASH_TEXT ||
	    sscanf(hash, "$argon2id$v=19$m=%7u,t=%3u,p=%3u$%n", &ret->kib, &ret->passes, &ret->lanes, &end) != 3 || end == 0)
		return false;
	const char *salt = hash + end, *key = strchr(salt, '$');
	if (key == NULL)
		return false;
	ssize_t salt_size = base64_decode(salt, (size_t)(key - salt), false, ret->salt, sizeof ret->salt);
	ssize_t key_size = base64_decode(key + 1, strlen(key + 1), false, ret->key, sizeof ret->key);
	if (salt_size < SALT_MIN || key_size < KEY_MIN)
		return false;
	ret->salt_size = (size_t)salt_size;
	ret->key_size = (size_t)key_size;
	return ret->lanes >= 1 && ret->lanes <= 4 && ret->kib >= 8 * ret->lanes && ret->kib <= PASSWORD_KIB_MAX && ret->passes >= 1 &&
	       ret->passes <= PASSWORD_PASSES_MAX;
}

bool password_hash_valid(const char *hash)
{
	struct parsed parsed;

	return parse(hash, &parsed);
}

int password_verify(const char *hash, const char *password, struct error *err)
{
	struct parsed parsed;
	uint8_t key[KEY_MAX];

	if (!parse(hash, &parsed))
		return error_set(err, EINVAL, "it is not a hash of argon2id");
	if (derive(password, &parsed, key, parsed.key_size, err) == -1)
		return -1;
	return CRYPTO_memcmp(key, parsed.key, parsed.key_size) == 0;
}
