/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <errno.h>

#include "daemon/lib/reference.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void parts(void **state)
{
	static const struct {
		const char *text, *host, *path, *tag, *digest;
	} cases[] = {
		{ "registry.example.org/debian", "registry.example.org", "debian", "latest", "" },
		{ "registry.example.org:5000/a/b/c:1.2-x", "registry.example.org:5000", "a/b/c", "1.2-x", "" },
		{ "localhost/x", "localhost", "x", "latest", "" },
		{ "localhost:1/x", "localhost:1", "x", "latest", "" },
		{ "127.0.0.1:65535/x", "127.0.0.1:65535", "x", "latest", "" },
		{ "[2001:db8::1]/x:y", "[2001:db8::1]", "x", "y", "" },
		{ "[::1]:5000/x", "[::1]:5000", "x", "latest", "" },
		{ "r.example/a_b/c__d/e--f.g:T_.-9", "r.example", "a_b/c__d/e--f.g", "T_.-9", "" },
		{ "r.example/x@sha256:" HEX64, "r.example", "x", "", HEX64 },
		{ "r.example/x:old@sha256:" HEX64, "r.example", "x", "old", HEX64 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct error err = ERROR_INIT;
		struct reference reference;
		assert_ok(reference_parse(cases[i].text, &reference, &err), &err);
		assert_string_equal(reference.host, cases[i].host);
		assert_string_equal(reference.path, cases[i].path);
		assert_string_equal(reference.tag, cases[i].tag);
		assert_string_equal(reference.digest, cases[i].digest);
	}
}

static void refusals(void **state)
{
	static const char *const texts[] = {
		"", "debian", "library/debian", "/x", "r.example/", "r.example", "r.example/x:", "r.example/x@", "r.example//x",
		"r.example/x/", "r.example/X", "r.example/x..y", "r.example/x___y", "r.example/-x", "r.example/x-", "r.example/.x",
		"r.example/../x", "r.example/x?y", "r.example/x#y", "r.example/x y", "r.example/x%2e", "r.example/x:-t", "r.example/x:.t",
		"r.example/x:a/b", "r.example/x:t@md5:" HEX64, "r.example/x@sha256:" HEX64 "0", "r.example/x@sha256:0",
		"r.example/x@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "r.example:0/x", "r.example:65536/x",
		"r.example:/x", "r.example:a/x", "r.example:05/x", ".example/x", "r..example/x", "r.example./x", "-r.example/x",
		"r-.example/x", "user@r.example/x", "https://r.example/x", "[::1/x", "[::g]/x", "[::1]x/x", "r.example\t/x", "r.ex\xc3\xa4mple/x",
	};
	(void)state;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct error err = ERROR_INIT;
		struct reference reference;
		if (reference_parse(texts[i], &reference, &err) != -1)
			fail_msg("'%s' was taken", texts[i]);
		assert_int_equal(err.code, EINVAL);
		assert_string_equal(err.field, "reference");
	}
}

static void lengths(void **state)
{
	char text[REFERENCE_MAX + 64], tag[REFERENCE_TAG_MAX + 2];
	struct error err = ERROR_INIT;
	struct reference reference;
	(void)state;

	memset(tag, 't', sizeof tag);
	tag[REFERENCE_TAG_MAX] = '\0';
	snprintf(text, sizeof text, "r.example/x:%s", tag);
	assert_ok(reference_parse(text, &reference, &err), &err);
	assert_string_equal(reference.tag, tag);
	snprintf(text, sizeof text, "r.example/x:%st", tag);
	assert_int_equal(reference_parse(text, &reference, &err), -1);
	snprintf(text, sizeof text, "r.example/%0*d", REFERENCE_PATH_MAX, 1);
	assert_ok(reference_parse(text, &reference, &err), &err);
	snprintf(text, sizeof text, "r.example/%0*d", REFERENCE_PATH_MAX + 1, 1);
	assert_int_equal(reference_parse(text, &reference, &err), -1);
	snprintf(text, sizeof text, "r.example/x%0*d", REFERENCE_MAX + 1 - 11, 1);
	assert_int_equal(reference_parse(text, &reference, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(refusals),
		cmocka_unit_test(lengths),
	};

	return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
