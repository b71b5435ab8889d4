/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/name.c
#include "tests/unit/unit.h"

#include "daemon/api/name.h"
#include "daemon/lib/error.h"

static void labels(void **state)
{
	(void)state;
	static const char *const good[] = { "a", "0", "a-b", "a--b", "web1",
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk" };
	static const char *const bad[] = { "", "-", "-a", "a-", "A", "a.b", "a_b", "a b", "\xc3\xa4", "a\n",
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl" };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(name_check(good[i], "name", &err), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(name_check(bad[i], "name", &err), -1);
		assert_string_equal(err.field, "name");
	}
}

static void an_image_is_not_named_like_an_id(void **state)
{
	(void)state;
	static const char *const good[] = { "debian", "debian:13", "a/b/c:1.2_3", "0123456789abcdef0123456", "sha256" };
	static const char *const bad[] = { "", "Debian", ":x", "/x", "a b", "0123456789abcdef01234567", "sha256:x",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(name_check_image(good[i], "name", &err), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(name_check_image(bad[i], "name", &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels),
		cmocka_unit_test(an_image_is_not_named_like_an_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
