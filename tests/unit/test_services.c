/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/services.c
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "daemon/api/services.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

static struct error err;

static int take(const char *text, struct route_message *message)
{
	cleanup_json json_t *list = json_loads(text, 0, NULL);

	assert_non_null(list);
	err = (struct error)ERROR_INIT;
	*message = (struct route_message){ .port = 80 };
	return services_read(list, message->services, &message->service_count, &err);
}

static void a_list_has_a_normal_form(void **state)
{
	static const char given[] = "[{\"name\":\"admin\",\"port\":9000},{\"port\":443,\"protocol\":\"https\"},{\"port\":80,\"name\":\"x\",\"protocol\":\"h2c\"}]";
	struct route_message message, again;

	(void)state;
	assert_int_equal(take(given, &message), 0);
	assert_int_equal(message.service_count, 3);
	cleanup_json json_t *list = json_loads(given, 0, NULL);
	char *text = services_text(list);
	assert_string_equal(text, "[{\"name\":\"admin\",\"port\":9000,\"protocol\":\"http\"},{\"port\":443,\"protocol\":\"https\"},{\"name\":\"x\",\"port\":80,\"protocol\":\"h2c\"}]");
	assert_int_equal(take(text, &again), 0);
	assert_memory_equal(message.services, again.services, sizeof message.services);
	free(text);
	text = services_text(NULL);
	assert_string_equal(text, "[]");
	free(text);
}

static void names_and_ports_are_found(void **state)
{
	static const struct {
		const char *service;
		bool found;
		uint16_t port;
		uint8_t protocol;
	} rows[] = {
		{ "", true, 80, ROUTE_H2C }, { "80", true, 80, ROUTE_H2C }, { "x", true, 80, ROUTE_H2C }, { "admin", true, 9000, ROUTE_HTTP },
		{ "9000", true, 9000, ROUTE_HTTP }, { "443", true, 443, ROUTE_HTTPS }, { "81", false, 0, 0 }, { "other", false, 0, 0 },
		{ "0", false, 0, 0 }, { "080", false, 0, 0 }, { "65616", false, 0, 0 }, { "9000x", false, 0, 0 }, { "adm", false, 0, 0 },
	};
	struct route_message message;
	uint16_t port;
	uint8_t protocol;

	(void)state;
	assert_int_equal(take("[{\"name\":\"admin\",\"port\":9000},{\"port\":443,\"protocol\":\"https\"},{\"port\":80,\"name\":\"x\",\"protocol\":\"h2c\"}]", &message), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(services_find(&message, rows[i].service, &port, &protocol), rows[i].found);
		if (!rows[i].found)
			continue;
		assert_int_equal(port, rows[i].port);
		assert_int_equal(protocol, rows[i].protocol);
	}
	assert_int_equal(take("[]", &message), 0);
	assert_true(services_find(&message, "", &port, &protocol));
	assert_true(services_find(&message, "80", &port, &protocol));
	assert_int_equal(protocol, ROUTE_HTTP);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const rows[][2] = {
		{ "[{}]", "services[0].port" }, { "[1]", "services[0]" }, { "[{\"port\":0}]", "services[0].port" }, { "[{\"port\":1,\"name\":\"\"}]", "services[0].name" },
		{ "[{\"port\":1,\"name\":\"1a\"}]", "services[0].name" }, { "[{\"port\":1,\"name\":\"a_b\"}]", "services[0].name" },
		{ "[{\"port\":1,\"protocol\":\"HTTP\"}]", "services[0].protocol" }, { "[{\"port\":1},{\"port\":1}]", "services[1]" },
	};
	struct route_message message;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(take(rows[i][0], &message), -1);
		assert_string_equal(err.field, rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_has_a_normal_form),
		cmocka_unit_test(names_and_ports_are_found),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests_name("services", tests, NULL, NULL);
}
