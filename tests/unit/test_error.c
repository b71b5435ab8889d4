/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <errno.h>

static void set_fills_code_and_message(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	snprintf(err.field, sizeof err.field, "stale");
	assert_int_equal(error_set(&err, ENOENT, "no disk %s", "sda"), -1);
	assert_int_equal(err.code, ENOENT);
	assert_string_equal(err.message, "no disk sda");
	assert_string_equal(err.field, ""); /* a reused object must not keep an older field */
}

static void errno_is_taken_and_spelled(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	errno = EACCES;
	assert_int_equal(error_errno(&err, "cannot open %s", "/x"), -1);
	assert_int_equal(err.code, EACCES);
	assert_string_equal(err.message, "cannot open /x: Permission denied");
}

static void field_is_einval_with_its_path(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_int_equal(error_field(&err, "limits.memory_max", "must be a number"), -1);
	assert_int_equal(err.code, EINVAL);
	assert_string_equal(err.field, "limits.memory_max");
	assert_string_equal(err.message, "must be a number");
}

static void wrap_puts_context_in_front(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	error_field(&err, "a.b", "wrong");
	assert_int_equal(error_wrap(&err, "host config %d", 7), -1);
	assert_string_equal(err.message, "host config 7: wrong");
	assert_string_equal(err.field, "a.b");
	assert_int_equal(err.code, EINVAL);
}

static void wrap_may_use_the_message_itself(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	error_set(&err, EIO, "inner");
	error_wrap(&err, "saw '%s'", err.message);
	assert_string_equal(err.message, "saw 'inner': inner");
}

static void everything_long_is_cut_not_overrun(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char text[2000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	error_set(&err, EIO, "%s", text);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	error_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	errno = EIO;
	error_errno(&err, "%s", text);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	error_field(&err, text, "%s", text);
	assert_int_equal(strlen(err.field), sizeof err.field - 1);
}

static void what_is_no_utf8_is_mended(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" }, { "a", "a" }, { "\xc3\xa9", "\xc3\xa9" }, { "a\xc3", "a" },
		{ "\xe2\x82\xac", "\xe2\x82\xac" }, { "a\xe2\x82", "a" }, { "a\xe2", "a" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" }, { "\xf0\x9f\x98", "" }, { "\xf0\x9f", "" },
		{ "a\xff" "b", "a?b" }, { "\x80", "?" }, { "\xc0\xaf", "??" }, { "\xe2" "b", "?b" },
		{ "\xed\xa0\x80", "???" }, { "\xf4\x90\x80\x80", "????" }, { "\xe0\x80\xaf", "???" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[8];

		strcpy(text, cases[i].in);
		text_mend(text);
		assert_string_equal(text, cases[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_code_and_message),
		cmocka_unit_test(errno_is_taken_and_spelled),
		cmocka_unit_test(field_is_einval_with_its_path),
		cmocka_unit_test(wrap_puts_context_in_front),
		cmocka_unit_test(wrap_may_use_the_message_itself),
		cmocka_unit_test(everything_long_is_cut_not_overrun),
		cmocka_unit_test(what_is_no_utf8_is_mended),
	};
	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
