/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/boot/words.c
#include "tests/unit/unit.h"

#include "daemon/boot/words.h"

static void blanks_part_words(void **state)
{
	(void)state;
	struct words words;

	assert_true(words_split(&words, "  token   create --role admin "));
	assert_int_equal(words.count, 4);
	assert_string_equal(words.word[0], "token");
	assert_string_equal(words.word[3], "admin");
	assert_null(words.word[4]);
	assert_true(words_split(&words, ""));
	assert_int_equal(words.count, 0);
	assert_true(words_split(&words, "   "));
	assert_int_equal(words.count, 0);
}

static void nothing_is_special(void **state)
{
	(void)state;
	struct words words;

	assert_true(words_split(&words, "status; $(id) `id` 'a b' | > \\x"));
	assert_string_equal(words.word[0], "status;");
	assert_string_equal(words.word[1], "$(id)");
	assert_string_equal(words.word[4], "b'");
}

static void other_bytes_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "status\n", "status\nreboot", "a\tb", "\x1b[2J", "caf\xc3\xa9", "\x7f" };
	struct words words;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(words_split(&words, bad[i]));
}

static void limits_hold(void **state)
{
	(void)state;
	static char line[WORDS_TEXT_MAX + 2];
	struct words words;

	memset(line, 'a', WORDS_TEXT_MAX);
	assert_true(words_split(&words, line));
	assert_int_equal(words.count, 1);
	line[WORDS_TEXT_MAX] = 'a';
	assert_false(words_split(&words, line));

	memset(line, 0, sizeof line);
	for (int i = 0; i < WORDS_MAX; i++)
		strcat(line, "a ");
	assert_true(words_split(&words, line));
	assert_int_equal(words.count, WORDS_MAX);
	strcat(line, "a");
	assert_false(words_split(&words, line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blanks_part_words),
		cmocka_unit_test(nothing_is_special),
		cmocka_unit_test(other_bytes_are_refused),
		cmocka_unit_test(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
