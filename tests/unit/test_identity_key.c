/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: -lcrypto
#include "tests/unit/unit.h"

#include "daemon/lib/base64.h"
#include "daemon/lib/identity_key.h"
#include "daemon/lib/json.h"
#include "daemon/lib/jwt.h"

enum { NOW = 1800000000 };

static struct error err;

/* RFC 8037, appendix A.1 and A.2. */
static struct identity_key *key_new(void)
{
	uint8_t bytes[IDENTITY_KEY_BYTES];
	const char *d = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

	assert_int_equal(base64_decode(d, strlen(d), true, bytes, sizeof bytes), sizeof bytes);
	struct identity_key *key = identity_key_new(bytes, &err);
	assert_made(key, &err);
	return key;
}

static void the_public_key_is_the_reference_s(void **state)
{
	struct identity_key *key = key_new();
	cleanup_json json_t *jwks = identity_key_jwks(key, &err);

	(void)state;
	assert_made(jwks, &err);
	json_t *first = json_array_get(json_object_get(jwks, "keys"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "x")), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
	assert_null(json_object_get(first, "d"));
	identity_key_free(key);
}

static void a_token_is_taken_by_who_checks_it(void **state)
{
	struct identity_key *key = key_new();
	cleanup_json json_t *jwks = identity_key_jwks(key, &err);
	cleanup_json json_t *claims = json_pack("{s:s, s:s, s:i, s:i}", "iss", "https://api.example.org", "sub", "a \"quoted\" one", "iat", NOW, "exp", NOW + 60);
	struct jwt_keys *keys = jwt_keys_jwks(JWT_EDDSA, jwks, &err);
	char text[1024];
	int64_t expires;

	(void)state;
	assert_made(keys, &err);
	assert_int_equal(identity_key_sign(key, claims, text, sizeof text), 0);
	struct jwt_policy policy = { .keys = keys, .issuer = "https://api.example.org" };
	json_t *found = NULL;
	assert_ok(jwt_verify(text, strlen(text), &policy, NOW, &found, &expires, &err), &err);
	assert_int_equal(expires, NOW + 60);
	assert_string_equal(json_string_value(json_object_get(found, "sub")), "a \"quoted\" one");
	json_decref(found);
	/* Of each character another one. */
	for (size_t i = 0; i < strlen(text); i++) {
		char changed[sizeof text];
		snprintf(changed, sizeof changed, "%s", text);
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		if (jwt_verify(changed, strlen(changed), &policy, NOW, &found, &expires, &err) == 0)
			fail_msg("character %zu may be another one", i);
	}
	/* What does not fit is not written. */
	for (size_t room = 0; room <= strlen(text); room++) {
		char little[sizeof text];
		memset(little, 'x', sizeof little);
		assert_int_equal(identity_key_sign(key, claims, little, room), -1);
		assert_int_equal(little[room], 'x');
	}
	jwt_keys_free(keys);
	identity_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_public_key_is_the_reference_s),
		cmocka_unit_test(a_token_is_taken_by_who_checks_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
