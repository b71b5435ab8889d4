/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: -lcrypto
#include "tests/unit/unit.h"

#include "daemon/lib/base64.h"
#include "daemon/lib/password.h"

static struct error err;

/* Of the tests of the reference implementation (P-H-C/phc-winner-argon2, src/test.c). */
#define KNOWN "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

static void test_verify(void **state)
{
	(void)state;
	assert_int_equal(password_verify(KNOWN, "password", &err), 1);
	assert_int_equal(password_verify(KNOWN, "passworD", &err), 0);
	assert_int_equal(password_verify(KNOWN, "", &err), 0);
	assert_int_equal(password_verify("x", "password", &err), -1);
}

static void test_hash(void **state)
{
	char one[PASSWORD_HASH_TEXT], two[PASSWORD_HASH_TEXT];

	(void)state;
	assert_ok(password_hash("a password", one, &err), &err);
	assert_ok(password_hash("a password", two, &err), &err);
	assert_string_not_equal(one, two);
	assert_true(password_hash_valid(one));
	assert_int_equal(password_verify(one, "a password", &err), 1);
	assert_int_equal(password_verify(two, "a passwor", &err), 0);
}

static void test_limits(void **state)
{
	static const char *const bad[] = {
		"", "$argon2id$", "$argon2i$v=19$m=64,t=2,p=1$c29tc2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg", "$argon2id$v=16$m=64,t=2,p=1$c29tc2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg",
		"$argon2id$v=19$m=65537,t=2,p=1$c29tc2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg", "$argon2id$v=19$m=64,t=11,p=1$c29tc2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg",
		"$argon2id$v=19$m=64,t=0,p=1$c29tc2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg", "$argon2id$v=19$m=64,t=2,p=9$c29tc2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg",
		"$argon2id$v=19$m=7,t=2,p=1$c29tc2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg", "$argon2id$v=19$m=64,t=2,p=1$c29t$MDEyMzQ1Njc4OWFiY2RlZg",
		"$argon2id$v=19$m=64,t=2,p=1$c29tc2FsdHNhbHQ$MDEy", "$argon2id$v=19$m=64,t=2,p=1$c29tc2FsdHNhbHQ", "$argon2id$v=19$m=64,t=2,p=1$c29tc2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg==",
	};

	(void)state;
	assert_true(password_hash_valid("$argon2id$v=19$m=64,t=2,p=1$c29tc2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg"));
	for (size_t i = 0; i < COUNT(bad); i++)
		if (password_hash_valid(bad[i]))
			fail_msg("%s", bad[i]);
}

/* RFC 4648, 10, without the padding. */
static void test_base64(void **state)
{
	static const char *const pairs[][2] = { { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" } };
	static const char *const bad[] = { "Z", "Zh", "Zm9", "Zg=", "Zg==", "Zm 9v", "Zm9vYg\n", "\xff\xff" };
	uint8_t bytes[16];
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		size_t size = base64_encode(pairs[i][0], strlen(pairs[i][0]), i % 2 == 0, text);
		assert_string_equal(text, pairs[i][1]);
		assert_int_equal(size, strlen(text));
		assert_int_equal(size + 1, BASE64_TEXT(strlen(pairs[i][0])));
		assert_int_equal(base64_decode(text, size, i % 2 == 0, bytes, sizeof bytes), strlen(pairs[i][0]));
		assert_memory_equal(bytes, pairs[i][0], strlen(pairs[i][0]));
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), true, bytes, sizeof bytes), -1);
	assert_int_equal(base64_decode("-_-_", 4, true, bytes, sizeof bytes), 3);
	assert_int_equal(base64_decode("-_-_", 4, false, bytes, sizeof bytes), -1);
	assert_int_equal(base64_decode("Zm9vYmFy", 8, true, bytes, 5), -1);
	assert_int_equal(base64_decode("Zm9vYmFy", 8, true, bytes, 6), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
