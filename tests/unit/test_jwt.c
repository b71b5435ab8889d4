/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: -lcrypto
#include "tests/unit/unit.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "daemon/lib/base64.h"
#include "daemon/lib/json.h"
#include "daemon/lib/jwt.h"

#define SECRET "0123456789abcdef0123456789abcdef"
enum { NOW = 1800000000 };

static struct error err;

static const char *hs256(const char *header, const char *payload, const char *secret)
{
	static char text[4096];
	uint8_t mac[32];
	unsigned int size = sizeof mac;
	size_t at = base64_encode(header, strlen(header), true, text);

	text[at++] = '.';
	at += base64_encode(payload, strlen(payload), true, text + at);
	HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text, at, mac, &size);
	text[at++] = '.';
	base64_encode(mac, size, true, text + at);
	return text;
}

static int verify(const char *text, const struct jwt_policy *policy, int64_t *ret_expires)
{
	json_t *claims = NULL;
	int64_t expires = -1;

	err = (struct error)ERROR_INIT;
	int result = jwt_verify(text, strlen(text), policy, NOW, &claims, &expires, &err);
	json_decref(claims);
	if (ret_expires != NULL)
		*ret_expires = expires;
	assert_true(result == 0 || err.message[0] != '\0');
	return result;
}

static void test_times_and_claims(void **state)
{
	struct jwt_keys *keys = jwt_keys_secret(SECRET, &err);
	struct jwt_policy policy = { .keys = keys, .leeway = 30 };
	static const char hs[] = "{\"alg\":\"HS256\"}";
	static const struct {
		const char *header, *payload;
		int good;
	} cases[] = {
		{ hs, "{\"exp\":1800000100}", 1 },
		{ hs, "{\"exp\":1799999980}", 1 },              /* within the leeway */
		{ hs, "{\"exp\":1799999970}", 0 },
		{ hs, "{\"exp\":1800000100.5}", 1 },
		{ hs, "{\"exp\":\"1800000100\"}", 0 },
		{ hs, "{\"exp\":-1}", 0 },
		{ hs, "{\"exp\":1e300}", 0 },
		{ hs, "{}", 0 },                                /* no end */
		{ hs, "{\"exp\":1800000100,\"nbf\":1800000020}", 1 },
		{ hs, "{\"exp\":1800000100,\"nbf\":1800000031}", 0 },
		{ hs, "{\"exp\":1800000100,\"nbf\":null}", 0 },
		{ hs, "[]", 0 },
		{ hs, "{\"exp\":1800000100,\"exp\":1}", 0 },    /* twice */
		{ "{\"alg\":\"none\"}", "{\"exp\":1800000100}", 0 },
		{ "{\"alg\":\"HS512\"}", "{\"exp\":1800000100}", 0 },
		{ "{\"alg\":\"hs256\"}", "{\"exp\":1800000100}", 0 },
		{ "{\"alg\":[\"HS256\"]}", "{\"exp\":1800000100}", 0 },
		{ "{}", "{\"exp\":1800000100}", 0 },
		{ "{\"alg\":\"HS256\",\"crit\":[\"x\"]}", "{\"exp\":1800000100}", 0 },
		{ "{\"alg\":\"HS256\",\"b64\":false}", "{\"exp\":1800000100}", 0 },
		{ "{\"alg\":\"HS256\",\"kid\":\"any\",\"typ\":\"JWT\"}", "{\"exp\":1800000100}", 1 },
	};

	(void)state;
	assert_non_null(keys);
	for (size_t i = 0; i < COUNT(cases); i++)
		if ((verify(hs256(cases[i].header, cases[i].payload, SECRET), &policy, NULL) == 0) != cases[i].good)
			fail_msg("%s %s", cases[i].header, cases[i].payload);
	int64_t expires;
	assert_int_equal(verify(hs256(hs, "{\"exp\":1800000100}", SECRET), &policy, &expires), 0);
	assert_int_equal(expires, 1800000130);
	policy.expiry_optional = true;
	assert_int_equal(verify(hs256(hs, "{}", SECRET), &policy, &expires), 0);
	assert_int_equal(expires, 0);

	policy.issuer = "me";
	policy.audience = "you";
	policy.claims = json_pack("{s:s, s:i}", "role", "admin", "level", 3);
	static const struct {
		const char *payload;
		int good;
	} claims[] = {
		{ "{\"iss\":\"me\",\"aud\":\"you\",\"role\":\"admin\",\"level\":3}", 1 },
		{ "{\"iss\":\"me\",\"aud\":[\"x\",\"you\"],\"role\":[\"user\",\"admin\"],\"level\":3}", 1 },
		{ "{\"iss\":\"you\",\"aud\":\"you\",\"role\":\"admin\",\"level\":3}", 0 },
		{ "{\"iss\":\"me\",\"aud\":[\"x\"],\"role\":\"admin\",\"level\":3}", 0 },
		{ "{\"iss\":\"me\",\"aud\":\"you\",\"level\":3}", 0 },
		{ "{\"iss\":\"me\",\"aud\":\"you\",\"role\":\"admin\",\"level\":\"3\"}", 0 },
		{ "{\"iss\":\"me\",\"role\":\"admin\",\"level\":3}", 0 },
		{ "{\"iss\":3,\"aud\":\"you\",\"role\":\"admin\",\"level\":3}", 0 },
	};
	for (size_t i = 0; i < COUNT(claims); i++)
		if ((verify(hs256(hs, claims[i].payload, SECRET), &policy, NULL) == 0) != claims[i].good)
			fail_msg("%s", claims[i].payload);
	json_decref(policy.claims);
	jwt_keys_free(keys);
}

static void test_text(void **state)
{
	struct jwt_keys *keys = jwt_keys_secret(SECRET, &err);
	struct jwt_policy policy = { .keys = keys };
	char text[4096], other[4096];

	(void)state;
	snprintf(text, sizeof text, "%s", hs256("{\"alg\":\"HS256\"}", "{\"exp\":1800000100}", SECRET));
	assert_int_equal(verify(text, &policy, NULL), 0);
	assert_int_equal(verify(hs256("{\"alg\":\"HS256\"}", "{\"exp\":1800000100}", SECRET "x"), &policy, NULL), -1);
	static const char *const bad[] = { "", ".", "..", "...", "a.b", "a.b.c.d", "e30.e30.", "e30=.e30.AA" };
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(verify(bad[i], &policy, NULL), -1);
	/* Every byte counts; also the bits that the last character does not need. */
	for (size_t i = 0; i < strlen(text); i++) {
		snprintf(other, sizeof other, "%s", text);
		other[i] = other[i] == 'A' ? 'B' : 'A';
		assert_int_equal(verify(other, &policy, NULL), -1);
	}
	for (char c = 'A'; c <= 'Z'; c++) {
		snprintf(other, sizeof other, "%s", text);
		other[strlen(other) - 1] = c;
		if (strcmp(other, text) != 0)
			assert_int_equal(verify(other, &policy, NULL), -1);
	}
	snprintf(other, sizeof other, "%.*s.", (int)(strrchr(text, '.') - text), text);
	assert_int_equal(verify(other, &policy, NULL), -1);
	static char huge[JWT_TEXT_MAX + 2];
	memset(huge, 'A', sizeof huge - 1);
	assert_int_equal(verify(huge, &policy, NULL), -1);
	assert_null(jwt_keys_secret("short", &err));
	jwt_keys_free(keys);
}

/* A token by a private key. */
static const char *signed_text(EVP_PKEY *pkey, const char *header, bool ec, bool ed)
{
	static char text[4096];
	uint8_t signature[1024];
	size_t size = sizeof signature, at = base64_encode(header, strlen(header), true, text);
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	text[at++] = '.';
	at += base64_encode("{\"exp\":1800000100}", 18, true, text + at);
	assert_int_equal(EVP_DigestSignInit(context, NULL, ed ? NULL : EVP_sha256(), NULL, pkey), 1);
	assert_int_equal(EVP_DigestSign(context, signature, &size, (unsigned char *)text, at), 1);
	EVP_MD_CTX_free(context);
	if (ec) {
		const unsigned char *der = signature;
		ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)size);
		uint8_t raw[64];
		BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32);
		BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32);
		ECDSA_SIG_free(pair);
		memcpy(signature, raw, size = 64);
	}
	text[at++] = '.';
	base64_encode(signature, size, true, text + at);
	return text;
}

static char *pem_of(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;

	PEM_write_bio_PUBKEY(bio, pkey);
	long size = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t)size);
	BIO_free(bio);
	return text;
}

static void test_keys(void **state)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *weak = EVP_RSA_gen(1024), *ec = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-384"),
		 *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	const struct {
		EVP_PKEY *pkey;
		enum jwt_algorithm algorithm;
		const char *header;
	} kinds[] = {
		{ rsa, JWT_RS256, "{\"alg\":\"RS256\"}" }, { ec, JWT_ES256, "{\"alg\":\"ES256\"}" }, { ed, JWT_EDDSA, "{\"alg\":\"EdDSA\"}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		char *pem = pem_of(kinds[i].pkey);
		struct jwt_keys *keys = jwt_keys_pem(kinds[i].algorithm, pem, &err);
		struct jwt_policy policy = { .keys = keys };
		char good[4096];
		assert_non_null(keys);
		snprintf(good, sizeof good, "%s", signed_text(kinds[i].pkey, kinds[i].header, kinds[i].pkey == ec, kinds[i].pkey == ed));
		assert_int_equal(verify(good, &policy, NULL), 0);
		good[strlen(good) - 10] ^= 1;
		assert_int_equal(verify(good, &policy, NULL), -1);
		/* The public key as the secret of HS256. */
		assert_int_equal(verify(hs256("{\"alg\":\"HS256\"}", "{\"exp\":1800000100}", pem), &policy, NULL), -1);
		assert_int_equal(verify(hs256(kinds[i].header, "{\"exp\":1800000100}", pem), &policy, NULL), -1);
		for (size_t k = 0; k < COUNT(kinds); k++)
			if (k != i)
				assert_null(jwt_keys_pem(kinds[k].algorithm, pem, &err));
		jwt_keys_free(keys);
		free(pem);
	}
	char *pem = pem_of(weak);
	assert_null(jwt_keys_pem(JWT_RS256, pem, &err));
	free(pem);
	pem = pem_of(other);
	assert_null(jwt_keys_pem(JWT_ES256, pem, &err));
	free(pem);
	assert_null(jwt_keys_pem(JWT_RS256, "no key", &err));

	/* A document with keys for others in it, and two that fit. */
	uint8_t x[32], point[65];
	size_t size = sizeof x;
	char x_text[64], ed_text[64], y_text[64];
	EVP_PKEY_get_raw_public_key(ed, x, &size);
	base64_encode(x, 32, true, ed_text);
	EVP_PKEY_get_octet_string_param(ec, "encoded-pub-key", point, sizeof point, &size);
	base64_encode(point + 1, 32, true, x_text);
	base64_encode(point + 33, 32, true, y_text);
	json_t *jwks = json_pack("{s:[{s:s, s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:s, s:s, s:s}]}", "keys", "kty", "OKP", "crv", "Ed25519", "x", ed_text, "kid",
				 "a", "use", "sig", "kty", "EC", "crv", "P-256", "x", x_text, "y", y_text, "kid", "b", "alg", "ES256");
	struct jwt_keys *keys = jwt_keys_jwks(JWT_ES256, jwks, &err);
	struct jwt_policy policy = { .keys = keys };
	assert_non_null(keys);
	assert_int_equal(verify(signed_text(ec, "{\"alg\":\"ES256\",\"kid\":\"b\"}", true, false), &policy, NULL), 0);
	assert_int_equal(verify(signed_text(ec, "{\"alg\":\"ES256\"}", true, false), &policy, NULL), 0);
	assert_int_equal(verify(signed_text(ec, "{\"alg\":\"ES256\",\"kid\":\"a\"}", true, false), &policy, NULL), -1);
	jwt_keys_free(keys);
	policy.keys = keys = jwt_keys_jwks(JWT_EDDSA, jwks, &err);
	assert_int_equal(verify(signed_text(ed, "{\"alg\":\"EdDSA\",\"kid\":\"a\"}", false, true), &policy, NULL), 0);
	jwt_keys_free(keys);
	assert_null(jwt_keys_jwks(JWT_RS256, jwks, &err));
	assert_null(jwt_keys_jwks(JWT_HS256, jwks, &err));
	json_object_set_new(json_array_get(json_object_get(jwks, "keys"), 1), "y", json_string(x_text)); /* not on the curve */
	assert_null(jwt_keys_jwks(JWT_ES256, jwks, &err));
	json_decref(jwks);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(weak);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(other);
	EVP_PKEY_free(ed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_and_claims),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests_name("jwt", tests, NULL, NULL);
}
