/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include "daemon/lib/hex.h"

static void encode_and_decode_agree(void **state)
{
	(void)state;
	uint8_t bytes[256], back[256];
	char text[513];

	for (int i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	hex_encode(bytes, sizeof bytes, text);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
	assert_true(hex_decode(text, back, sizeof back));
	assert_memory_equal(bytes, back, sizeof bytes);
}

static void nothing_is_the_empty_text(void **state)
{
	(void)state;
	char text[1] = { 'x' };
	uint8_t none;

	hex_encode("", 0, text);
	assert_string_equal(text, "");
	assert_true(hex_decode("", &none, 0));
	assert_true(hex_valid("", 0));
	assert_false(hex_valid("0", 0));
}

static void decode_refuses_all_else(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "0", "012", "01234", "0123456", "012345678", /* 4 bytes are 8 digits */
		"0123456G", "0123456g", "0123456A", "ABCDEF01",  /* upper case: ids compare as text */
		"012345 7", " 1234567", "0x123456", "0123456\n", "+1234567", "-1234567",
		"0123456/", "0123456:", "0123456`", "01234567\xff", "\xff\xff\xff\xff\xff\xff\xff\xff",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		uint8_t bytes[4] = { 1, 2, 3, 4 };
		const uint8_t untouched[4] = { 1, 2, 3, 4 };

		if (hex_decode(bad[i], bytes, sizeof bytes))
			fail_msg("took '%s'", bad[i]);
		assert_memory_equal(bytes, untouched, 4);
	}
}

/* Every byte at one place: exactly the sixteen lower-case digits pass. */
static void only_sixteen_bytes_are_digits(void **state)
{
	(void)state;
	int taken = 0;

	for (int c = 0; c < 256; c++) {
		const char text[3] = { '0', (char)c, '\0' };
		taken += hex_valid(text, 2);
	}
	assert_int_equal(taken, 16);
}

/* The check stops at an early end: bytes behind it may not exist (ASan looks on). */
static void short_text_is_not_overread(void **state)
{
	(void)state;
	char *text = strdup("abc");

	assert_false(hex_valid(text, 64));
	assert_false(id_valid(text));
	free(text);
}

static void ids_are_valid_and_differ(void **state)
{
	(void)state;
	char ids[64][ID_TEXT];

	for (size_t i = 0; i < COUNT(ids); i++) {
		memset(ids[i], 'x', sizeof ids[i]);
		id_generate(ids[i]);
		assert_true(id_valid(ids[i]));
		assert_int_equal(strlen(ids[i]), 24);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(ids[i], ids[j]);
	}
}

static void id_is_24_digits(void **state)
{
	(void)state;
	assert_true(id_valid("0123456789abcdef01234567"));
	assert_false(id_valid("0123456789abcdef0123456"));
	assert_false(id_valid("0123456789abcdef012345678"));
	assert_false(id_valid("0123456789ABCDEF01234567"));
	assert_false(id_valid("0123456789abcdef0123456/"));
	assert_false(id_valid("../../../../../etc/passwd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encode_and_decode_agree),
		cmocka_unit_test(nothing_is_the_empty_text),
		cmocka_unit_test(decode_refuses_all_else),
		cmocka_unit_test(only_sixteen_bytes_are_digits),
		cmocka_unit_test(short_text_is_not_overread),
		cmocka_unit_test(ids_are_valid_and_differ),
		cmocka_unit_test(id_is_24_digits),
	};
	return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
