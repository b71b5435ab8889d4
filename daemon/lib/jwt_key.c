/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/jwt_key.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/base64.h"
#include "daemon/lib/error.h"

enum {
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 8192,
	NUMBER_MAX = RSA_BITS_MAX / 8,
	POINT_BYTES = 32, /* of P-256 and Ed25519 */
};

static const struct {
	const char *name, *kty, *curve; /* curve NULL: it has none */
} algorithms[JWT_ALGORITHMS] = {
	[JWT_HS256] = { "HS256", "oct", NULL },
	[JWT_RS256] = { "RS256", "RSA", NULL },
	[JWT_ES256] = { "ES256", "EC", "P-256" },
	[JWT_EDDSA] = { "EdDSA", "OKP", "Ed25519" },
};

int jwt_algorithm_find(const char *name)
{
	for (int i = 0; i < JWT_ALGORITHMS; i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return i;
	return -1;
}

const char *jwt_algorithm_name(enum jwt_algorithm algorithm)
{
	return algorithms[algorithm].name;
}

static struct jwt_keys *keys_new(enum jwt_algorithm algorithm, struct error *err)
{
	struct jwt_keys *keys = calloc(1, sizeof *keys);

	if (keys == NULL)
		error_set(err, ENOMEM, "no memory for a key");
	else
		keys->algorithm = algorithm;
	return keys;
}

void jwt_keys_free(struct jwt_keys *keys)
{
	if (keys == NULL)
		return;
	if (keys->secret != NULL)
		OPENSSL_cleanse(keys->secret, strlen(keys->secret));
	free(keys->secret);
	for (size_t i = 0; i < keys->count; i++)
		EVP_PKEY_free(keys->keys[i].pkey);
	free(keys);
}

struct jwt_keys *jwt_keys_secret(const char *secret, struct error *err)
{
	struct jwt_keys *keys;

	if (strlen(secret) < JWT_SECRET_MIN || strlen(secret) > JWT_SECRET_MAX) {
		error_set(err, EINVAL, "a secret of HS256 has %d to %d characters", JWT_SECRET_MIN, JWT_SECRET_MAX);
		return NULL;
	}
	keys = keys_new(JWT_HS256, err);
	if (keys == NULL)
		return NULL;
	keys->secret = strdup(secret);
	keys->count = 1;
	if (keys->secret == NULL) {
		jwt_keys_free(keys);
		error_set(err, ENOMEM, "no memory for a key");
		return NULL;
	}
	return keys;
}

/* Whether a key is one of the algorithm, and strong. */
static int pkey_check(EVP_PKEY *pkey, enum jwt_algorithm algorithm, struct error *err)
{
	char curve[32] = "";

	switch (algorithm) {
	case JWT_RS256:
		if (EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN && EVP_PKEY_get_bits(pkey) <= RSA_BITS_MAX)
			return 0;
		return error_set(err, EINVAL, "RS256 needs a public key of RSA of %d to %d bits", RSA_BITS_MIN, RSA_BITS_MAX);
	case JWT_ES256:
		if (EVP_PKEY_is_a(pkey, "EC") &&
		    EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof curve, NULL) == 1 && strcmp(curve, "prime256v1") == 0)
			return 0;
		return error_set(err, EINVAL, "ES256 needs a public key on the curve P-256");
	case JWT_EDDSA:
		if (EVP_PKEY_is_a(pkey, "ED25519"))
			return 0;
		return error_set(err, EINVAL, "EdDSA needs a public key of Ed25519");
	default:
		return error_set(err, EINVAL, "HS256 has a secret, and no public key");
	}
}

struct jwt_keys *jwt_keys_pem(enum jwt_algorithm algorithm, const char *pem, struct error *err)
{
	struct jwt_keys *keys = keys_new(algorithm, err);
	BIO *bio = keys == NULL ? NULL : BIO_new_mem_buf(pem, -1);
	EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);

	BIO_free(bio);
	if (keys == NULL)
		return NULL;
	keys->keys[keys->count++].pkey = pkey;
	if (pkey == NULL)
		error_set(err, EINVAL, "it is not a public key in PEM (BEGIN PUBLIC KEY)");
	if (pkey == NULL || pkey_check(pkey, algorithm, err) == -1) {
		jwt_keys_free(keys);
		return NULL;
	}
	return keys;
}

/* -- JWKS -- */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

/* A number of a key: big-endian bytes in base64url. -1: it is none. */
static ssize_t number_of(const json_t *jwk, const char *name, uint8_t *bytes, size_t room)
{
	const char *text = text_of(jwk, name);

	return base64_decode(text, strlen(text), true, bytes, room);
}

static EVP_PKEY *pkey_build(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (params != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
	    EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(params);
	return pkey;
}

static EVP_PKEY *rsa_read(const json_t *jwk, OSSL_PARAM_BLD *build)
{
	uint8_t n[NUMBER_MAX], e[8];
	ssize_t n_size = number_of(jwk, "n", n, sizeof n), e_size = number_of(jwk, "e", e, sizeof e);
	BIGNUM *modulus = n_size <= 0 ? NULL : BN_bin2bn(n, (int)n_size, NULL), *exponent = e_size <= 0 ? NULL : BN_bin2bn(e, (int)e_size, NULL);
	EVP_PKEY *pkey = NULL;

	if (modulus != NULL && exponent != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		pkey = pkey_build("RSA", build);
	BN_free(modulus);
	BN_free(exponent);
	return pkey;
}

static EVP_PKEY *ec_read(const json_t *jwk, OSSL_PARAM_BLD *build)
{
	uint8_t point[1 + 2 * POINT_BYTES] = { 4 }; /* SEC 1, 2.3.3: not compressed */

	if (number_of(jwk, "x", point + 1, POINT_BYTES) != POINT_BYTES || number_of(jwk, "y", point + 1 + POINT_BYTES, POINT_BYTES) != POINT_BYTES ||
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) != 1)
		return NULL;
	return pkey_build("EC", build);
}

static EVP_PKEY *ed_read(const json_t *jwk)
{
	uint8_t point[POINT_BYTES];

	if (number_of(jwk, "x", point, sizeof point) != POINT_BYTES)
		return NULL;
	return EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, point, sizeof point);
}

/* RFC 7518, section 6; RFC 8037. */
static EVP_PKEY *jwk_read(const json_t *jwk, enum jwt_algorithm algorithm)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;

	if (build != NULL && algorithm == JWT_RS256)
		pkey = rsa_read(jwk, build);
	else if (build != NULL && algorithm == JWT_ES256)
		pkey = ec_read(jwk, build);
	else if (algorithm == JWT_EDDSA)
		pkey = ed_read(jwk);
	OSSL_PARAM_BLD_free(build);
	return pkey;
}

/* Whether it is meant for signatures of the algorithm: RFC 7517, 4.2, 4.4. */
static bool jwk_fits(const json_t *jwk, enum jwt_algorithm algorithm)
{
	const char *use = text_of(jwk, "use"), *alg = text_of(jwk, "alg"), *curve = algorithms[algorithm].curve;

	return strcmp(text_of(jwk, "kty"), algorithms[algorithm].kty) == 0 && (*use == '\0' || strcmp(use, "sig") == 0) &&
	       (*alg == '\0' || strcmp(alg, algorithms[algorithm].name) == 0) && (curve == NULL || strcmp(text_of(jwk, "crv"), curve) == 0);
}

static int jwk_add(struct jwt_keys *keys, const json_t *jwk, struct error *err)
{
	struct jwt_key *key = &keys->keys[keys->count];

	if (keys->count == JWT_KEYS_MAX)
		return error_set(err, EINVAL, "it has more than %d keys", JWT_KEYS_MAX);
	if (strlen(text_of(jwk, "kid")) > JWT_KID_MAX)
		return error_set(err, EINVAL, "a key has a kid of more than %d bytes", JWT_KID_MAX);
	key->pkey = jwk_read(jwk, keys->algorithm);
	if (key->pkey == NULL)
		return error_set(err, EINVAL, "a key of it for %s cannot be read", jwt_algorithm_name(keys->algorithm));
	snprintf(key->kid, sizeof key->kid, "%s", text_of(jwk, "kid"));
	keys->count++;
	return pkey_check(key->pkey, keys->algorithm, err);
}

struct jwt_keys *jwt_keys_jwks(enum jwt_algorithm algorithm, const json_t *jwks, struct error *err)
{
	json_t *list = json_object_get(jwks, "keys");
	struct jwt_keys *keys;

	if (algorithm == JWT_HS256) {
		error_set(err, EINVAL, "HS256 has a secret, and no document of public keys");
		return NULL;
	}
	keys = keys_new(algorithm, err);
	if (keys == NULL)
		return NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *jwk = json_array_get(list, i);
		if (!jwk_fits(jwk, algorithm) || jwk_add(keys, jwk, err) == 0)
			continue;
		jwt_keys_free(keys);
		return NULL;
	}
	if (keys->count > 0)
		return keys;
	error_set(err, EINVAL, "it has no key for %s", jwt_algorithm_name(algorithm));
	jwt_keys_free(keys);
	return NULL;
}
