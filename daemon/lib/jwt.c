/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/jwt.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "daemon/lib/base64.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/jwt_key.h"

enum {
	SIGNATURE_MAX = 1024, /* of RSA with 8192 bits */
	ES256_HALF = 32,
};

/* The three parts of the text. */
struct parts {
	const char *header, *payload, *signature;
	size_t header_size, payload_size, signature_size, signed_size;
};

static int parts_find(const char *text, size_t size, struct parts *ret_parts, struct error *err)
{
	const char *first = memchr(text, '.', size);
	const char *second = first == NULL ? NULL : memchr(first + 1, '.', size - (size_t)(first + 1 - text));

	if (size > JWT_TEXT_MAX || second == NULL || memchr(second + 1, '.', size - (size_t)(second + 1 - text)) != NULL)
		return error_set(err, EBADMSG, "it is not a token of three parts, of at most %d bytes", JWT_TEXT_MAX);
	*ret_parts = (struct parts){
		.header = text, .header_size = (size_t)(first - text),
		.payload = first + 1, .payload_size = (size_t)(second - first - 1),
		.signature = second + 1, .signature_size = size - (size_t)(second + 1 - text),
		.signed_size = (size_t)(second - text),
	};
	return 0;
}

static json_t *part_parse(const char *text, size_t size, struct error *err)
{
	char json[JWT_TEXT_MAX];
	ssize_t count = base64_decode(text, size, true, (uint8_t *)json, sizeof json);

	if (count == -1) {
		error_set(err, EBADMSG, "a part of the token is not base64url");
		return NULL;
	}
	return json_parse(json, (size_t)count, err);
}

/* The algorithm is the key's, never the token's. RFC 7515, 4.1.11: what is critical and not understood makes it invalid. */
static int header_check(const json_t *header, enum jwt_algorithm algorithm, struct error *err)
{
	const char *name = json_string_value(json_object_get(header, "alg"));

	if (name == NULL || strcmp(name, jwt_algorithm_name(algorithm)) != 0)
		return error_set(err, EBADMSG, "the token's algorithm is not %s", jwt_algorithm_name(algorithm));
	if (json_object_get(header, "crit") != NULL || json_object_get(header, "b64") != NULL)
		return error_set(err, EBADMSG, "the token's header asks for more than is known here");
	return 0;
}

static bool hmac_matches(const struct jwt_keys *keys, const struct parts *parts, const uint8_t *signature, size_t size)
{
	uint8_t expected[EVP_MAX_MD_SIZE];
	unsigned int expected_size = sizeof expected;

	if (HMAC(EVP_sha256(), keys->secret, (int)strlen(keys->secret), (const unsigned char *)parts->header, parts->signed_size, expected,
		 &expected_size) == NULL)
		return false;
	return size == expected_size && CRYPTO_memcmp(expected, signature, size) == 0;
}

/* RFC 7518, 3.4: r and s, 32 bytes each; OpenSSL wants them in DER. */
static int der_make(const uint8_t *signature, size_t size, uint8_t *der, size_t room)
{
	ECDSA_SIG *pair = size == 2 * (size_t)ES256_HALF ? ECDSA_SIG_new() : NULL;
	BIGNUM *r = pair == NULL ? NULL : BN_bin2bn(signature, ES256_HALF, NULL), *s = r == NULL ? NULL : BN_bin2bn(signature + ES256_HALF, ES256_HALF, NULL);
	int written = -1;

	if (s == NULL || ECDSA_SIG_set0(pair, r, s) != 1) {
		BN_free(r);
		BN_free(s);
	} else if (i2d_ECDSA_SIG(pair, NULL) <= (int)room) {
		written = i2d_ECDSA_SIG(pair, &der);
	}
	ECDSA_SIG_free(pair);
	return written;
}

static bool pkey_matches(EVP_PKEY *pkey, enum jwt_algorithm algorithm, const struct parts *parts, const uint8_t *signature, size_t size)
{
	uint8_t der[2 * ES256_HALF + 16];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool matches = false;

	if (algorithm == JWT_ES256) {
		int der_size = der_make(signature, size, der, sizeof der);
		signature = der;
		size = der_size <= 0 ? 0 : (size_t)der_size;
	}
	if (context != NULL && size > 0 && EVP_DigestVerifyInit_ex(context, NULL, algorithm == JWT_EDDSA ? NULL : "SHA256", NULL, NULL, pkey, NULL) == 1)
		matches = EVP_DigestVerify(context, signature, size, (const unsigned char *)parts->header, parts->signed_size) == 1;
	EVP_MD_CTX_free(context);
	return matches;
}

/* A kid chooses among keys that have one; a key without is tried for all. */
static bool signature_matches(const struct jwt_keys *keys, const char *kid, const struct parts *parts)
{
	uint8_t signature[SIGNATURE_MAX];
	ssize_t size = base64_decode(parts->signature, parts->signature_size, true, signature, sizeof signature);

	if (size <= 0)
		return false;
	if (keys->algorithm == JWT_HS256)
		return hmac_matches(keys, parts, signature, (size_t)size);
	for (size_t i = 0; i < keys->count; i++) {
		const struct jwt_key *key = &keys->keys[i];
		if (kid != NULL && key->kid[0] != '\0' && strcmp(kid, key->kid) != 0)
			continue;
		if (pkey_matches(key->pkey, keys->algorithm, parts, signature, (size_t)size))
			return true;
	}
	return false;
}

/* RFC 7519, 2: seconds, perhaps with a fraction. 1, 0: there is none, -1: it is no time. */
static int time_read(const json_t *claims, const char *name, int64_t *ret_time)
{
	const json_t *value = json_object_get(claims, name);

	if (value == NULL)
		return 0;
	if (!json_is_number(value))
		return -1;
	double seconds = json_number_value(value);
	if (!(seconds >= 0 && seconds < 1e12))
		return -1;
	*ret_time = (int64_t)seconds;
	return 1;
}

static int times_check(const json_t *claims, const struct jwt_policy *policy, int64_t now, int64_t *ret_expires, struct error *err)
{
	int64_t expires = 0, not_before = 0;
	int found = time_read(claims, "exp", &expires), bound = time_read(claims, "nbf", &not_before);

	if (found == -1 || bound == -1)
		return error_set(err, EBADMSG, "the token's exp or nbf is no time");
	if (found == 0 && !policy->expiry_optional)
		return error_set(err, EBADMSG, "the token has no exp");
	if (found == 1 && now >= expires + policy->leeway)
		return error_set(err, ETIME, "the token has expired");
	if (bound == 1 && now < not_before - policy->leeway)
		return error_set(err, ETIME, "the token does not hold yet");
	*ret_expires = found == 1 ? expires + policy->leeway : 0;
	return 0;
}

/* A claim has the value, or is a list that has it: as RFC 7519, 4.1.3 has it for aud. */
static bool claim_holds(const json_t *claim, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(claim); i++)
		if (json_equal(json_array_get(claim, i), value))
			return true;
	return claim != NULL && json_equal(claim, value);
}

static bool claim_names(const json_t *claims, const char *name, const char *text)
{
	const json_t *claim = json_object_get(claims, name);
	bool names = json_is_string(claim) && strcmp(json_string_value(claim), text) == 0;

	for (size_t i = 0; i < json_array_size(claim) && !names; i++) {
		const char *one = json_string_value(json_array_get(claim, i));
		names = one != NULL && strcmp(one, text) == 0;
	}
	return names;
}

static int claims_check(json_t *claims, const struct jwt_policy *policy, struct error *err)
{
	const char *name;
	json_t *value;

	if (policy->issuer != NULL && !claim_names(claims, "iss", policy->issuer))
		return error_set(err, EACCES, "the token is of another issuer");
	if (policy->audience != NULL && !claim_names(claims, "aud", policy->audience))
		return error_set(err, EACCES, "the token is for another audience");
	json_object_foreach(policy->claims, name, value)
		if (!claim_holds(json_object_get(claims, name), value))
			return error_set(err, EACCES, "the token's claim %s is not as it is to be", name);
	return 0;
}

int jwt_verify(const char *text, size_t size, const struct jwt_policy *policy, int64_t now, json_t **ret_claims, int64_t *ret_expires,
	       struct error *err)
{
	struct parts parts;

	if (parts_find(text, size, &parts, err) == -1)
		return -1;
	cleanup_json json_t *header = part_parse(parts.header, parts.header_size, err);
	if (header == NULL || header_check(header, policy->keys->algorithm, err) == -1)
		return -1;
	if (!signature_matches(policy->keys, json_string_value(json_object_get(header, "kid")), &parts))
		return error_set(err, EACCES, "the token's signature is not of a known key");
	json_t *claims = part_parse(parts.payload, parts.payload_size, err);
	if (claims == NULL || times_check(claims, policy, now, ret_expires, err) == -1 || claims_check(claims, policy, err) == -1) {
		json_decref(claims);
		return -1;
	}
	*ret_claims = claims;
	return 0;
}
