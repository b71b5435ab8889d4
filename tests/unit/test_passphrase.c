/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: initramfs/passphrase.c
#include "tests/unit/unit.h"

#include "initramfs/passphrase.h"
#include "initramfs/unlock.h"

static void characters_are_counted_not_bytes(void **state)
{
	(void)state;
	assert_int_equal(passphrase_length("", 0), 0);
	assert_int_equal(passphrase_length("abc", 3), 3);
	assert_int_equal(passphrase_length("\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91", 9), 3);
}

static void twelve_characters_are_enough(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_ok(passphrase_check("twelve chars", 12, &err), &err);
	assert_int_equal(passphrase_check("eleven char", 11, &err), -1);
	/* Twelve bytes, six characters. */
	assert_int_equal(passphrase_check("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 12, &err), -1);
	assert_int_equal(passphrase_check("", 0, &err), -1);
}

static void there_is_an_upper_bound(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char text[UNLOCK_PASSPHRASE_MAX + 1];

	memset(text, 'x', sizeof text);
	assert_ok(passphrase_check(text, UNLOCK_PASSPHRASE_MAX, &err), &err);
	assert_int_equal(passphrase_check(text, UNLOCK_PASSPHRASE_MAX + 1, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_are_counted_not_bytes),
		cmocka_unit_test(twelve_characters_are_enough),
		cmocka_unit_test(there_is_an_upper_bound),
	};
	return cmocka_run_group_tests_name("passphrase", tests, NULL, NULL);
}
