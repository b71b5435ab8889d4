/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include "daemon/lib/access.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

static struct error err;

static int parse(const char *text, struct access *access)
{
	err = (struct error)ERROR_INIT;
	json_t *object = json_parse(text, strlen(text), &err);
	assert_made(object, &err);
	int result = access_read(object, access, &err);
	json_decref(object);
	return result;
}

static bool allows(const struct access_list *list, const char *address)
{
	struct cidr cidr;

	assert_ok(cidr_parse(address, &cidr, &err), &err);
	return access_allows(list, &cidr);
}

static void what_is_not_limited_is_open(void **state)
{
	struct access access;

	(void)state;
	assert_ok(parse("{\"ssh\":[\"192.0.2.0/24\",\"2001:db8::/32\"],\"api\":null}", &access), &err);
	assert_true(allows(&access.ssh, "192.0.2.7"));
	assert_true(allows(&access.ssh, "2001:db8::7"));
	assert_false(allows(&access.ssh, "192.0.3.7"));
	assert_false(allows(&access.ssh, "::ffff:192.0.2.7"));
	assert_true(allows(&access.api, "198.51.100.1"));
	json_t *object = access_json(&access), *wanted = json_pack("{s:[s, s], s:n}", "ssh", "192.0.2.0/24", "2001:db8::/32", "api");
	assert_true(json_equal(object, wanted));
	json_decref(object);
	json_decref(wanted);
	assert_ok(parse("{}", &access), &err);
	assert_true(allows(&access.ssh, "::1"));
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *field;
	} bad[] = {
		{ "{\"ssh\":[]}", "ssh" },           { "{\"api\":[\"192.0.2.0/24\",\"192.0.2.1/24\"]}", "api[1]" },
		{ "{\"ssh\":[7]}", "ssh[0]" },       { "{\"ssh\":\"192.0.2.1\"}", "ssh" },
		{ "{\"ssh\":[\"home\"]}", "ssh[0]" }, { "{\"web\":[\"192.0.2.1\"]}", "web" },
	};
	struct access access;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(parse(bad[i].text, &access), -1);
		assert_string_equal(err.field, bad[i].field);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_limited_is_open),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
