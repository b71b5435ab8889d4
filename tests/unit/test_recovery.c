/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: initramfs/recovery.c
#include "tests/unit/unit.h"

#include "initramfs/recovery.h"

static void a_key_is_eight_groups_of_six(void **state)
{
	(void)state;
	char key[RECOVERY_TEXT];

	assert_int_equal(recovery_generate(key), 0);
	assert_int_equal(strlen(key), 55);
	for (size_t i = 0; i < strlen(key); i++) {
		if (i % 7 == 6)
			assert_int_equal(key[i], '-');
		else
			assert_non_null(strchr("0123456789abcdefghjkmnpqrstvwxyz", key[i]));
	}
}

static void two_keys_differ(void **state)
{
	(void)state;
	char one[RECOVERY_TEXT], other[RECOVERY_TEXT];

	assert_int_equal(recovery_generate(one), 0);
	assert_int_equal(recovery_generate(other), 0);
	assert_string_not_equal(one, other);
}

static void a_key_reads_as_itself(void **state)
{
	(void)state;
	char key[RECOVERY_TEXT], read[RECOVERY_TEXT];

	assert_int_equal(recovery_generate(key), 0);
	assert_true(recovery_normalise(key, strlen(key), read));
	assert_string_equal(key, read);
}

static void case_blanks_and_lookalikes_do_not_count(void **state)
{
	(void)state;
	char read[RECOVERY_TEXT];
	const char *typed = "OIL0U1 abcdef ABCDEF 012345 67899 9 ghjkmn pqrstv wxyz00";

	assert_true(recovery_normalise(typed, strlen(typed), read));
	assert_string_equal(read, "0110v1-abcdef-abcdef-012345-678999-ghjkmn-pqrstv-wxyz00");
}

static void other_texts_are_no_key(void **state)
{
	(void)state;
	char read[RECOVERY_TEXT] = "untouched";
	char many[4096];

	memset(many, 'a', sizeof many);
	assert_false(recovery_normalise("", 0, read));
	assert_false(recovery_normalise("correct horse battery", 21, read));
	assert_false(recovery_normalise(many, 47, read));
	assert_false(recovery_normalise(many, 49, read));
	assert_false(recovery_normalise(many, sizeof many, read));
	many[20] = '\0';
	assert_false(recovery_normalise(many, 48, read));
	many[20] = (char)0xc3;
	assert_false(recovery_normalise(many, 48, read));
	assert_string_equal(read, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_eight_groups_of_six),
		cmocka_unit_test(two_keys_differ),
		cmocka_unit_test(a_key_reads_as_itself),
		cmocka_unit_test(case_blanks_and_lookalikes_do_not_count),
		cmocka_unit_test(other_texts_are_no_key),
	};
	return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
