/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <string.h>

#include "daemon/lib/domain.h"
#include "daemon/lib/error.h"

static struct error err;

static void names_have_a_normal_form(void **state)
{
	char name[DOMAIN_TEXT], text[300];

	(void)state;
	assert_ok(domain_normal("WWW.Example.COM.", name, &err), &err);
	assert_string_equal(name, "www.example.com");
	assert_ok(domain_normal("_sip._tcp.example.com", name, &err), &err);
	assert_ok(domain_normal("localhost", name, &err), &err);
	static const char *const bad[] = { "", ".", "..", "a..", "www.example.com..", "a..b", ".a", "a b", "m\xc3\xbcnchen.de", "a/b", "*.example.com",
					   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(domain_normal(bad[i], name, &err), -1);
	memset(text, 'a', sizeof text);
	for (size_t i = 50; i < sizeof text; i += 50)
		text[i] = '.';
	text[253] = '\0';
	assert_ok(domain_normal(text, name, &err), &err);
	text[253] = 'a', text[254] = '\0';
	assert_int_equal(domain_normal(text, name, &err), -1);
}

static void patterns(void **state)
{
	char pattern[DOMAIN_TEXT];

	(void)state;
	assert_ok(domain_pattern("*.Example.org.", pattern, &err), &err);
	assert_string_equal(pattern, "*.example.org");
	assert_true(domain_matches(pattern, "www.example.org"));
	assert_true(domain_matches(pattern, "a.b.example.org"));
	assert_false(domain_matches(pattern, "example.org"));
	assert_false(domain_matches(pattern, "badexample.org"));
	assert_false(domain_matches(pattern, "www.example.org.evil"));
	assert_ok(domain_pattern("api.example.com", pattern, &err), &err);
	assert_true(domain_matches(pattern, "api.example.com"));
	assert_false(domain_matches(pattern, "v1.api.example.com"));
	static const char *const bad[] = { "*", "*.", "*.com", "com", "*.*.example.com", "a*.example.com", "www.*.com" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(domain_pattern(bad[i], pattern, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_have_a_normal_form), cmocka_unit_test(patterns) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
