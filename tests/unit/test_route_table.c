/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/gate/route_table.c
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/gate/route_table.h"
#include "daemon/lib/error.h"

static void changes_are_told_apart(void **state)
{
	(void)state;
	struct route_table table = { 0 };
	struct error err = ERROR_INIT;
	enum route_change change;
	struct route route = { .label = "b", .ipv4 = 1, .port = 80 };

	assert_int_equal(route_table_set(&table, &route, &change, &err), 0);
	assert_int_equal(change, ROUTE_ADDED);
	assert_int_equal(route_table_set(&table, &route, &change, &err), 0);
	assert_int_equal(change, ROUTE_SAME);
	route.port = 81;
	assert_int_equal(route_table_set(&table, &route, &change, &err), 0);
	assert_int_equal(change, ROUTE_CHANGED);
	assert_int_equal(table.count, 1);
	assert_int_equal(table.routes[0].port, 81);
	assert_true(route_table_remove(&table, "b"));
	assert_false(route_table_remove(&table, "b"));
	route_table_clear(&table);
}

static void it_stays_sorted(void **state)
{
	(void)state;
	struct route_table table = { 0 };
	struct error err = ERROR_INIT;
	enum route_change change;

	for (unsigned int i = 0; i < 1000; i++) {
		struct route route = { .ipv4 = i, .port = 80 };
		snprintf(route.label, sizeof route.label, "%u", i * 7919 % 1000);
		assert_int_equal(route_table_set(&table, &route, &change, &err), 0);
	}
	assert_int_equal(table.count, 1000);
	for (unsigned int i = 0; i < 1000; i += 2) {
		char label[16];
		snprintf(label, sizeof label, "%u", i);
		assert_true(route_table_remove(&table, label));
	}
	assert_int_equal(table.count, 500);
	for (size_t i = 1; i < table.count; i++)
		assert_true(strcmp(table.routes[i - 1].label, table.routes[i].label) < 0);
	route_table_clear(&table);
}

static void it_has_an_end(void **state)
{
	(void)state;
	struct route_table table = { 0 };
	struct error err = ERROR_INIT;
	enum route_change change;
	struct route route = { .ipv4 = 1, .port = 80 };

	for (int i = 0; i < ROUTES_MAX; i++) {
		snprintf(route.label, sizeof route.label, "%08d", i);
		assert_int_equal(route_table_set(&table, &route, &change, &err), 0);
	}
	assert_int_equal(route_table_set(&table, &route, &change, &err), 0); /* one that is there */
	snprintf(route.label, sizeof route.label, "x");
	assert_int_equal(route_table_set(&table, &route, &change, &err), -1);
	assert_int_equal(err.code, ENOSPC);
	route_table_clear(&table);
}

static void labels(void **state)
{
	(void)state;
	assert_true(route_label_valid("0123456789abcdef01234567-0123456789abcdef01234567-8080"));
	assert_false(route_label_valid(""));
	assert_false(route_label_valid("A"));
	assert_false(route_label_valid("a b"));
	assert_false(route_label_valid("a\nb"));
	assert_false(route_label_valid("a;show info"));
	assert_false(route_label_valid("-a"));
	assert_false(route_label_valid("a-"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_told_apart),
		cmocka_unit_test(it_stays_sorted),
		cmocka_unit_test(it_has_an_end),
		cmocka_unit_test(labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
