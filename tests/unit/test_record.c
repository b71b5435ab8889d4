/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/audit/chain.c -lcrypto
#include "tests/unit/unit.h"

#include "daemon/audit/chain.h"
#include "daemon/lib/record.h"

#define REALM "aaaaaaaaaaaaaaaaaaaaaaaa"

static char line[RECORD_LINE_MAX + 1];

static int parse(const char *text, struct record *ret_record)
{
	struct error err = ERROR_INIT;

	snprintf(line, sizeof line, "%s", text);
	return record_parse(line, strlen(line), ret_record, &err);
}

static void what_the_proxy_says_is_understood(void **state)
{
	struct record record;

	(void)state;
	assert_int_equal(parse("-\t" REALM ":" REALM ":-:web\trequest\t1796127276311682\tid\t192.0.2.1\tGET\ta.example\t%2Fa%20%F0%9F%8C%8D\tHTTP/2\t200\t0\t196\t"
			       "12\t-1\t-\t-\t-\tLR\n", &record), 0);
	assert_string_equal(record.realm, REALM);
	assert_string_equal(record.texts[RECORD_PROJECT], REALM);
	assert_null(record.texts[RECORD_CONTAINER]);
	assert_string_equal(record.texts[RECORD_PATH], "/a \xf0\x9f\x8c\x8d");
	assert_string_equal(record.texts[RECORD_ENDING], "LR");
	assert_null(record.texts[RECORD_DETAIL]);
	assert_int_equal(record.numbers[RECORD_STARTED], 1796127276311682);
	assert_int_equal(record.numbers[RECORD_RECEIVED], 0);
	assert_int_equal(record.numbers[RECORD_WAITED], -1);
	assert_int_equal(record.ack, 0);
	assert_int_equal(parse("7r\t-\tlost", &record), 0);
	assert_string_equal(record.realm, RECORD_HOST);
	assert_int_equal(record.ack, 7);
	assert_true(record.again);
}

static void what_is_no_record_is_refused(void **state)
{
	static const char *const lines[] = {
		"", "-", "-\t-", "-\t-\t", "-\t-\tother", "x\t-\tlost", "-1\t-\tlost", "7x\t-\tlost", "7rr\t-\tlost", "0\t-\tlost", "0r\t-\tlost", "99999999999999999999\t-\tlost",
		"-\tnorealm\tlost", "-\t../../../etc\tlost", "-\t-:noid\tlost", "-\t-:::a:b\tlost", "-\t-\tlost\tx", "-\t-\tlost\t1x",
		"-\t-\tlost\t-\t%", "-\t-\tlost\t-\t%4", "-\t-\tlost\t-\t%4g", "-\t-\tlost\t-\t%00", "-\t-:::%\tlost",
		"-\t-\tlost\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t",
	};
	struct record record;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		if (parse(lines[i], &record) == 0)
			fail_msg("was taken: %s", lines[i]);
	assert_int_equal(parse("-\t-\tl%6fst", &record), 0);
	memcpy(line, "-\t-\tlost\0", 9);
	struct error err = ERROR_INIT;
	assert_int_equal(record_parse(line, 9, &record, &err), -1);
}

static void texts_are_cut_and_mended(void **state)
{
	static char text[RECORD_LINE_MAX];
	struct record record;
	int size = snprintf(text, sizeof text, "-\t-\trequest\t-\t-\t-\t-\t-\t");

	(void)state;
	memset(text + size, 'x', 1500);
	text[size + 1500] = '\0';
	assert_int_equal(parse(text, &record), 0);
	assert_int_equal(strlen(record.texts[RECORD_PATH]), 1024);
	assert_int_equal(parse("-\t-\trequest\t-\t-\t-\t-\t%FF%C3", &record), 0);
	assert_string_equal(record.texts[RECORD_HOSTNAME], "?");
}

static void a_record_is_told_as_it_is(void **state)
{
	struct record record = record_make(REALM, "call"), other;
	char text[1024];

	(void)state;
	record.ack = 12;
	record.texts[RECORD_IDENTITY] = "-";
	record.texts[RECORD_PATH] = "/a\tb\n%41 \x7f";
	record.texts[RECORD_DETAIL] = "{\"a\":\"\xc3\xbc\"}";
	record.numbers[RECORD_STATUS] = 0;
	size_t size = record_print(&record, text, sizeof text);
	assert_true(size > 0);
	assert_int_equal(parse(text, &other), 0);
	assert_int_equal(other.ack, 12);
	assert_string_equal(other.realm, REALM);
	assert_string_equal(other.texts[RECORD_IDENTITY], "-");
	assert_string_equal(other.texts[RECORD_PATH], record.texts[RECORD_PATH]);
	assert_string_equal(other.texts[RECORD_DETAIL], record.texts[RECORD_DETAIL]);
	assert_int_equal(other.numbers[RECORD_STATUS], 0);
	assert_int_equal(other.numbers[RECORD_SENT], -1);
	for (size_t room = 0; room <= size; room++)
		assert_int_equal(record_print(&record, text, room), 0);
}

/* Values that differ in any way, also in where one ends, have different chains. */
static void each_value_is_in_the_chain(void **state)
{
	struct chain_value values[CHAIN_VALUES] = { { "ab", 2 }, { "c", 1 } };
	uint8_t first[CHAIN_BYTES] = { 0 }, other[CHAIN_BYTES];

	(void)state;
	chain_next(first, values);
	for (int i = 0; i < CHAIN_VALUES; i++) {
		struct chain_value changed[CHAIN_VALUES];
		memcpy(changed, values, sizeof changed);
		changed[i] = (struct chain_value){ "", 0 };
		memset(other, 0, sizeof other);
		chain_next(other, changed);
		assert_memory_not_equal(first, other, CHAIN_BYTES);
	}
	values[0] = (struct chain_value){ "a", 1 };
	values[1] = (struct chain_value){ "bc", 2 };
	memset(other, 0, sizeof other);
	chain_next(other, values);
	assert_memory_not_equal(first, other, CHAIN_BYTES);
	memcpy(other, first, sizeof other);
	chain_next(other, values);
	assert_memory_not_equal(first, other, CHAIN_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_proxy_says_is_understood),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test(texts_are_cut_and_mended),
		cmocka_unit_test(a_record_is_told_as_it_is),
		cmocka_unit_test(each_value_is_in_the_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
