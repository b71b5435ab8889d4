/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: tests/unit/stub_request.c daemon/api/realms.c daemon/api/name.c daemon/api/page.c daemon/api/idempotency.c
// link: daemon/api/store.c -lsqlite3 -lcrypto
#include "tests/unit/unit.h"

#include "daemon/api/audit.h"
#include "daemon/api/resources.h"
#include "tests/unit/stub_request.h"

#define REALM "aaaaaaaaaaaaaaaaaaaaaaaa"

static int pushed;

void audit_push(struct api *api, const char *id)
{
	(void)api;
	assert_true(id_valid(id));
	pushed++;
}

static int bench_open(void **state)
{
	(void)state;
	stub_open();
	stub_sql("INSERT INTO realms (id, name, sharing, created) VALUES (?1, 'a', 'realm', 1), ('b', 'b', 'realm', 1)", REALM);
	stub_sql("INSERT INTO projects (id, realm, name, created) VALUES ('p', ?1, 'p', 1), ('q', 'b', 'q', 1)", REALM);
	stub_sql("INSERT INTO containers (id, project, name, wanted, id_base, ipv4, ipv6, port, command, environment, memory_max,"
		 " swap_max, disk_max, cpu_percent, cpu_weight, pids_max, merge, created, unprofitable)"
		 " VALUES (?1, 'p', 'x', 1, 1, 1, x'01', 80, '', '{}', 0, 0, 0, 0, 1, 1, 1, 0, 1),"
		 " ('y', 'q', 'y', 1, 2, 2, x'02', 80, '', '{}', 0, 0, 0, 0, 1, 1, 1, 0, 1)", REALM);
	snprintf(stub.request.id, sizeof stub.request.id, "%s", REALM);
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	stub_close();
	return 0;
}

static void sharing_is_changed_and_tried_anew(void **state)
{
	(void)state;
	assert_int_equal(stub_call(realms_change, "{\"sharing\":\"host\"}"), 200);
	assert_string_equal(json_string_value(json_object_get(stub.body, "sharing")), "host");
	assert_int_equal(stub_count("SELECT count(*) FROM realms WHERE sharing = 'host'"), 1);
	assert_int_equal(stub_count("SELECT sum(unprofitable) FROM containers"), 1); /* the other realm's is left alone */
	assert_int_equal(stub_count("SELECT sum(merge) FROM containers"), 2);        /* what runs, runs on as it is */
}

static void a_bad_change_changes_nothing(void **state)
{
	static const char *const bodies[] = { "{}", "{\"sharing\":\"all\"}", "{\"sharing\":1}", "{\"sharing\":\"host\",\"name\":\"x\"}" };

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++)
		assert_int_equal(stub_call(realms_change, bodies[i]) / 100, 4);
	snprintf(stub.request.id, sizeof stub.request.id, "c");
	assert_int_equal(stub_call(realms_change, "{\"sharing\":\"host\"}"), 404);
	assert_int_equal(stub_count("SELECT count(*) FROM realms WHERE sharing = 'realm'"), 2);
	assert_int_equal(stub_count("SELECT sum(unprofitable) FROM containers"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sharing_is_changed_and_tried_anew),
		TEST(a_bad_change_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
