/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/address_set.h"
#include "daemon/lib/error.h"

static struct error err;

static int parse(const char *text, struct address_set *set)
{
	err = (struct error)ERROR_INIT;
	return address_set_parse(text, strlen(text), set, &err);
}

static struct cidr cidr(const char *text)
{
	struct cidr made;

	assert_ok(cidr_parse(text, &made, &err), &err);
	return made;
}

static bool holds(const struct address_set *set, const char *text)
{
	struct cidr address = cidr(text);

	return address_set_holds(set, &address);
}

static void a_list_as_people_exchange_them(void **state)
{
	struct address_set set;
	size_t size;

	(void)state;
	assert_ok(parse("; Spamhaus\n198.51.100.0/24 ; SBL1\r\n\n  \t\n2001:db8::/32#x\n\t10.0.0.0/8\t\n10.1.2.3\n10.0.0.0/9\n192.0.2.1", &set), &err);
	char *text = address_set_text(&set, &size);
	assert_string_equal(text, "10.0.0.0/8\n192.0.2.1\n198.51.100.0/24\n2001:db8::/32\n");
	assert_int_equal(size, strlen(text));
	free(text);
	assert_int_equal(address_set_count(&set, AF_INET), 3);
	assert_int_equal(address_set_count(&set, AF_INET6), 1);
	address_set_free(&set);
	assert_ok(parse("# none\n", &set), &err);
	assert_int_equal(set.count, 0);
	assert_false(holds(&set, "10.0.0.1"));
	address_set_free(&set);
}

static void what_is_none_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *field;
	} bad[] = {
		{ "10.0.0.0/8\nexample.com\n", "line 2" }, { "\n\n10.0.0.1/8", "line 3" }, { "10.0.0.0/33", "line 1" }, { "10.0.0.0/8 10.1.0.0/16", "line 1" },
		{ "::/0\n1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff:1111", "line 2" },
	};
	struct address_set set;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(parse(bad[i].text, &set), -1);
		assert_string_equal(err.field, bad[i].field);
	}
	err = (struct error)ERROR_INIT;
	assert_int_equal(address_set_parse("10.0.0.0/8\0", 11, &set, &err), -1);
}

static void the_limit(void **state)
{
	size_t room = (ADDRESS_SET_MAX + 1) * 20, size = 0;
	char *text = malloc(room);
	struct address_set set;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i <= ADDRESS_SET_MAX; i++)
		size += (size_t)snprintf(text + size, room - size, "10.%u.%u.%u\n", i >> 16, i >> 8 & 255, i & 255);
	err = (struct error)ERROR_INIT;
	assert_int_equal(address_set_parse(text, size, &set, &err), -1);
	assert_string_equal(err.field, "line 100001");
	/* As many as may be. */
	size -= strlen("10.1.134.160\n");
	err = (struct error)ERROR_INIT;
	assert_ok(address_set_parse(text, size, &set, &err), &err);
	assert_int_equal(set.count, ADDRESS_SET_MAX);
	address_set_free(&set);
	free(text);
}

static void an_address_is_found(void **state)
{
	static const char *const in[] = { "10.0.0.0", "10.255.255.255", "192.0.2.1", "198.51.100.128", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" };
	static const char *const out[] = { "9.255.255.255", "11.0.0.0", "192.0.2.0", "192.0.2.2", "198.51.100.127", "2001:db7:ffff::", "2001:db9::", "a00::" };
	struct address_set set;

	(void)state;
	assert_ok(parse("10.0.0.0/8\n192.0.2.1\n198.51.100.128/25\n2001:db8::/32\n", &set), &err);
	for (size_t i = 0; i < sizeof in / sizeof *in; i++)
		assert_true(holds(&set, in[i]));
	for (size_t i = 0; i < sizeof out / sizeof *out; i++)
		assert_false(holds(&set, out[i]));
	address_set_free(&set);
	assert_ok(parse("0.0.0.0/0", &set), &err);
	assert_true(holds(&set, "255.255.255.255"));
	assert_false(holds(&set, "::"));
	address_set_free(&set);
}

static void only_what_was_written_is_loaded(void **state)
{
	struct address_set set, again;
	struct cidr list[2] = { cidr("10.0.0.0/8"), cidr("192.0.2.0/24") };

	(void)state;
	assert_ok(parse("10.0.0.0/8\n2001:db8::/32\n", &set), &err);
	assert_ok(address_set_load(set.addresses, address_set_size(&set), &again, &err), &err);
	assert_int_equal(again.count, 2);
	assert_memory_equal(again.addresses, set.addresses, address_set_size(&set));
	address_set_free(&again);
	address_set_free(&set);
	assert_ok(address_set_load(NULL, 0, &again, &err), &err);
	address_set_free(&again);
	assert_ok(address_set_load(list, sizeof list, &again, &err), &err);
	address_set_free(&again);
	assert_int_equal(address_set_load(list, sizeof list - 1, &again, &err), -1);
	assert_int_equal(err.code, EBADMSG);
	const struct cidr bad[] = { cidr("10.0.0.0/8"), cidr("10.1.0.0/16"), cidr("9.0.0.0/8"), { .family = AF_INET, .prefix = 33, .bytes = { 11 } },
				    { .family = 1, .bytes = { 11 } }, { .family = AF_INET, .prefix = 8, .bytes = { 11, 1 } }, { .family = AF_INET, .prefix = 32, .bytes = { 11, 1, 1, 1, 1 } } };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		list[1] = bad[i];
		assert_int_equal(address_set_load(list, sizeof list, &again, &err), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_as_people_exchange_them),
		cmocka_unit_test(what_is_none_is_refused_with_its_line),
		cmocka_unit_test(the_limit),
		cmocka_unit_test(an_address_is_found),
		cmocka_unit_test(only_what_was_written_is_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
