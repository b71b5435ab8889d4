/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/gate/route_table.c
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "daemon/gate/route_table.h"
#include "daemon/lib/error.h"

static struct error err;

static struct route_message message_new(const char *label)
{
	struct route_message message = { .ipv4 = htonl(0x0a4d0002), .port = 80 };

	snprintf(message.label, sizeof message.label, "%s", label);
	return message;
}

static struct route route_new(const char *label)
{
	struct route_message message = message_new(label);
	struct route route;

	assert_ok(route_make(&message, &route, &err), &err);
	return route;
}

/* "KEY VALUE" a line. */
static const char *entries(const struct route_message *message)
{
	static char text[4096];
	char key[ROUTE_KEY_TEXT], value[ROUTE_VALUE_TEXT];
	struct route route;
	size_t size = 0;

	text[0] = '\0';
	assert_ok(route_make(message, &route, &err), &err);
	for (size_t i = 0; route_entry(&route, i, key, value); i++) {
		assert_true(i < ROUTE_ENTRIES_MAX);
		size += (size_t)snprintf(text + size, sizeof text - size, "%s %s\n", key, value);
	}
	route_free(&route);
	return text;
}

static void a_container_has_an_entry_for_each_name_and_port(void **state)
{
	struct route_message message = message_new("a-b");

	(void)state;
	assert_string_equal(entries(&message), "a-b 10.77.0.2:80:h:o::a-b::80\na-b-80 10.77.0.2:80:h:o::a-b::80\n");
	message.service_count = 4;
	message.services[0] = (struct route_service){ .name = "admin", .port = 9000, .protocol = ROUTE_HTTPS };
	message.services[1] = (struct route_service){ .port = 3000, .protocol = ROUTE_WEBSOCKET };
	message.services[2] = (struct route_service){ .name = "grpc", .port = 80, .protocol = ROUTE_H2C };
	message.services[3] = (struct route_service){ .name = "x", .port = 65535 };
	message.protocol = ROUTE_H2C;
	assert_string_equal(entries(&message), "a-b 10.77.0.2:80:2:o::a-b::80\na-b-admin 10.77.0.2:9000:s:o::a-b::admin\na-b-9000 10.77.0.2:9000:s:o::a-b::admin\na-b-3000 10.77.0.2:3000:w:o::a-b::3000\n"
					       "a-b-grpc 10.77.0.2:80:2:o::a-b::grpc\na-b-80 10.77.0.2:80:2:o::a-b::grpc\na-b-x 10.77.0.2:65535:h:o::a-b::x\na-b-65535 10.77.0.2:65535:h:o::a-b::x\n");
}

static void an_entry_says_whose_it_is(void **state)
{
	struct route_message message = message_new("0123456789abcdef01234567-89abcdef0123456789abcdef");
	char key[ROUTE_KEY_TEXT], value[ROUTE_VALUE_TEXT];
	struct route route;

	(void)state;
	snprintf(message.realm, sizeof message.realm, "aaaaaaaaaaaaaaaaaaaaaaaa");
	message.ipv4 = 0xffffffff;
	message.service_count = 1;
	message.services[0] = (struct route_service){ .name = "administrator", .port = 65535 };
	message.port = 65535;
	assert_ok(route_make(&message, &route, &err), &err);
	route.guarded = true;
	assert_true(route_entry(&route, 1, key, value));
	assert_string_equal(value, "255.255.255.255:65535:h:g:aaaaaaaaaaaaaaaaaaaaaaaa:0123456789abcdef01234567:89abcdef0123456789abcdef:administrator");
	route_free(&route);
}

static void an_alias_is_one_entry(void **state)
{
	struct route_message message = message_new("shop.example.com");

	(void)state;
	snprintf(message.owner, sizeof message.owner, "a-b");
	assert_string_equal(entries(&message), "shop.example.com 10.77.0.2:80:h:o::a-b::80\n");
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const labels[] = { "", "-a", "a-", "a.b", "A", "a_b", "a b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	static const char *const hosts[] = { "", ".a.b", "a..b", "a.b.", "a.-b", "a-.b", "a.B", "a.b\n", "*.b" };
	static const struct route_service services[] = {
		{ .name = "9", .port = 80 }, { .name = "a.b", .port = 80 }, { .name = "-a", .port = 80 }, { .name = "a", .port = 0 },
		{ .name = "a", .port = 80, .protocol = ROUTE_PROTOCOLS },
	};
	struct route_message message;
	struct route route;

	(void)state;
	for (size_t i = 0; i < COUNT(labels); i++) {
		message = message_new(labels[i]);
		assert_int_equal(route_make(&message, &route, &err), -1);
		assert_string_equal(err.field, "label");
	}
	for (size_t i = 0; i < COUNT(hosts); i++) {
		message = message_new(hosts[i]);
		message.owner[0] = 'a';
		assert_int_equal(route_make(&message, &route, &err), -1);
		assert_string_equal(err.field, "label");
	}
	for (size_t i = 0; i < COUNT(services); i++) {
		message = message_new("a-b");
		message.service_count = 1;
		message.services[0] = services[i];
		assert_int_equal(route_make(&message, &route, &err), -1);
		assert_string_equal(err.field, "services");
	}
	message = message_new("a-b");
	memset(message.services[0].name, 'a', sizeof message.services[0].name);
	message.services[0].port = 80;
	message.service_count = 1;
	assert_int_equal(route_make(&message, &route, &err), -1);
	message = message_new("a-b");
	message.service_count = ROUTE_SERVICES_MAX + 1;
	assert_int_equal(route_make(&message, &route, &err), -1);
	message = message_new("a-b");
	message.port = 0;
	assert_int_equal(route_make(&message, &route, &err), -1);
	message = message_new("a.b");
	message.owner[0] = '.';
	assert_int_equal(route_make(&message, &route, &err), -1);
	assert_string_equal(err.field, "owner");
}

static void it_stays_sorted(void **state)
{
	(void)state;
	struct route_table table = { 0 };
	struct route before;
	char label[16];

	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(label, sizeof label, "%u", i * 7919 % 1000);
		struct route route = route_new(label);
		assert_non_null(route_table_set(&table, &route, &before, &err));
		assert_null(before.label);
	}
	assert_int_equal(table.count, 1000);
	for (unsigned int i = 0; i < 1000; i += 2) {
		snprintf(label, sizeof label, "%u", i);
		assert_true(route_table_remove(&table, label));
		assert_false(route_table_remove(&table, label));
		assert_null(route_table_find(&table, label));
	}
	assert_int_equal(table.count, 500);
	for (size_t i = 1; i < table.count; i++)
		assert_true(strcmp(table.routes[i - 1].label, table.routes[i].label) < 0);
	route_table_clear(&table);
}

static void one_that_is_replaced_is_handed_back(void **state)
{
	(void)state;
	struct route_table table = { 0 };
	struct route first = route_new("a"), second = route_new("a"), before;

	second.port = 81;
	assert_non_null(route_table_set(&table, &first, &before, &err));
	const struct route *now = route_table_set(&table, &second, &before, &err);
	assert_non_null(now);
	assert_int_equal(now->port, 81);
	assert_int_equal(before.port, 80);
	assert_ptr_equal(route_table_find(&table, "a"), now);
	route_free(&before);
	route_table_clear(&table);
}

static void aliases_are_found_by_their_owner(void **state)
{
	static const char *const hosts[] = { "a.example.com", "b.example.com", "c.example.com" };
	(void)state;
	struct route_table table = { 0 };
	struct route before;
	size_t place = 0;

	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct route_message message = message_new(hosts[i]);
		struct route route;
		snprintf(message.owner, sizeof message.owner, "%s", i == 1 ? "other" : "own");
		assert_ok(route_make(&message, &route, &err), &err);
		assert_non_null(route_table_set(&table, &route, &before, &err));
	}
	assert_string_equal(route_table_owned(&table, "own", &place)->label, "a.example.com");
	place++;
	assert_string_equal(route_table_owned(&table, "own", &place)->label, "c.example.com");
	place++;
	assert_null(route_table_owned(&table, "own", &place));
	route_table_clear(&table);
}

static void it_has_an_end(void **state)
{
	(void)state;
	struct route_table table = { 0 };
	struct route before;
	char label[16];

	for (unsigned int i = 0; i < ROUTES_MAX; i++) {
		snprintf(label, sizeof label, "%06u", i);
		struct route route = route_new(label);
		assert_non_null(route_table_set(&table, &route, &before, &err));
	}
	struct route more = route_new("more"), same = route_new("000000");
	assert_null(route_table_set(&table, &more, &before, &err));
	assert_int_equal(err.code, ENOSPC);
	assert_non_null(route_table_set(&table, &same, &before, &err));
	route_free(&before);
	route_table_clear(&table);
}

/* Whose URL a key is, and of which service. */
static void test_seek(void **state)
{
	struct route_table table = { 0 };
	struct route_message message = message_new("aa-bb"), alias = message_new("shop");
	struct route route, before;
	const char *service;
	uint16_t port;
	static const struct {
		const char *key, *label, *service;
		uint16_t port;
	} cases[] = {
		{ "aa-bb", "aa-bb", "", 80 },      { "aa-bb-web", "aa-bb", "web", 8080 }, { "aa-bb-8080", "aa-bb", "web", 8080 }, { "aa-bb-a-b", "aa-bb", "a-b", 9090 },
		{ "aa-bb-80", "aa-bb", "", 80 },   { "shop", "aa-bb", "a-b", 9090 },      { "aa", NULL, NULL, 0 },                { "shop-web", NULL, NULL, 0 },
	};

	(void)state;
	message.service_count = 2;
	message.services[0] = (struct route_service){ .name = "web", .port = 8080 };
	message.services[1] = (struct route_service){ .name = "a-b", .port = 9090 };
	snprintf(alias.owner, sizeof alias.owner, "aa-bb");
	alias.port = 9090;
	assert_ok(route_make(&message, &route, &err), &err);
	assert_non_null(route_table_set(&table, &route, &before, &err));
	assert_ok(route_make(&alias, &route, &err), &err);
	assert_non_null(route_table_set(&table, &route, &before, &err));
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct route *found = route_table_seek(&table, cases[i].key, &service, &port);
		if ((found == NULL) != (cases[i].label == NULL))
			fail_msg("%s", cases[i].key);
		if (found == NULL)
			continue;
		assert_string_equal(found->label, cases[i].label);
		assert_string_equal(service, cases[i].service);
		assert_int_equal(port, cases[i].port);
	}
	route_table_clear(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seek),
		cmocka_unit_test(a_container_has_an_entry_for_each_name_and_port),
		cmocka_unit_test(an_entry_says_whose_it_is),
		cmocka_unit_test(an_alias_is_one_entry),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(it_stays_sorted),
		cmocka_unit_test(one_that_is_replaced_is_handed_back),
		cmocka_unit_test(aliases_are_found_by_their_owner),
		cmocka_unit_test(it_has_an_end),
	};

	return cmocka_run_group_tests_name("route_table", tests, NULL, NULL);
}
