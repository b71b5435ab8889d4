/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/document.c daemon/api/store.c -lsqlite3
#include "tests/unit/unit.h"

#include <errno.h>

#include "daemon/api/document.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/json.h"

#define REALM "aaaaaaaaaaaaaaaaaaaaaaaa"
#define PROJECT "bbbbbbbbbbbbbbbbbbbbbbbb"
#define BOX "cccccccccccccccccccccccc"
#define RULE(action, more) "{\"direction\":\"egress\",\"action\":\"" action "\"" more "}"

static struct hostcfg cfg = { .admin_port = 2022, .unlock_port = 2222 };
static struct store *store;
static struct error err;

static int bench_open(void **state)
{
	(void)state;
	err = (struct error)ERROR_INIT;
	store = store_open(":memory:", &err);
	assert_made(store, &err);
	assert_ok(store_do(store, &err, "INSERT INTO realms (id, name, sharing, created) VALUES ('" REALM "', 'r', 'none', 1)", ""), &err);
	assert_ok(store_do(store, &err, "INSERT INTO projects (id, realm, name, created) VALUES ('" PROJECT "', '" REALM "', 'p', 1)", ""), &err);
	assert_ok(store_do(store, &err,
			   "INSERT INTO containers (id, project, name, wanted, id_base, ipv4, ipv6, port, command, environment,"
			   " memory_max, swap_max, disk_max, cpu_percent, cpu_weight, pids_max, merge, created)"
			   " VALUES ('" BOX "', '" PROJECT "', 'c', 1, 1, 1, x'00', 80, '', '{}', 0, 0, 0, 0, 1, 1, 0, 0)", ""), &err);
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	store_close(store);
	return 0;
}

static void put(enum document_scope scope, const char *id, const char *text)
{
	static const char *const columns[] = { "realm", "project", "container" };
	char sql[128];

	json_t *body = json_parse(text, strlen(text), &err);
	assert_made(body, &err);
	json_t *document = document_read(&cfg, scope, body, &err);
	assert_made(document, &err);
	char *normal = json_dumps(document, JSON_COMPACT);
	snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO firewalls (id, %s, version, document) VALUES (?1, ?1, 1, ?2)", columns[scope]);
	assert_ok(store_do(store, &err, sql, "ss", id, normal), &err);
	free(normal);
	json_decref(document);
	json_decref(body);
}

static void rules_are_asked_by_priority_then_scope_then_place(void **state)
{
	static const char *const wanted[] = { "c first", "r equal", "p equal", "c equal", "c second", "r last" };
	struct ruleset set;
	struct origin *origins;
	enum egress_mode mode;
	int64_t until;

	(void)state;
	put(DOCUMENT_CONTAINER, BOX, "{\"egress\":\"open\",\"rules\":[" RULE("deny", ",\"comment\":\"c equal\"") "," RULE("deny", ",\"comment\":\"c second\"") ","
		RULE("allow", ",\"priority\":1,\"comment\":\"c first\"") "],\"ports\":[{\"host_port\":8080,\"port\":80}]}");
	put(DOCUMENT_PROJECT, PROJECT, "{\"egress\":\"allow-list\",\"rules\":[" RULE("deny", ",\"comment\":\"p equal\"") "]}");
	put(DOCUMENT_REALM, REALM, "{\"rules\":[" RULE("deny", ",\"priority\":1000,\"comment\":\"r last\"") "," RULE("deny", ",\"comment\":\"r equal\"") "]}");
	assert_ok(document_effective(store, BOX, 1000, &set, &origins, &mode, &until, &err), &err);
	assert_int_equal(set.rule_count, sizeof wanted / sizeof *wanted);
	for (size_t i = 0; i < set.rule_count; i++) {
		assert_string_equal(set.rules[i].comment, wanted[i]);
		assert_int_equal(origins[i].scope, wanted[i][0] == 'r' ? DOCUMENT_REALM : wanted[i][0] == 'p' ? DOCUMENT_PROJECT : DOCUMENT_CONTAINER);
	}
	assert_string_equal(origins[1].id, REALM);
	assert_int_equal(mode, EGRESS_ALLOW_LIST);
	assert_false(set.egress_open);
	assert_int_equal(set.port_count, 1);
	assert_int_equal(until, 0);
	free(origins);
	ruleset_free(&set);
}

static void what_is_over_is_left_out(void **state)
{
	struct ruleset set;
	int64_t until;

	(void)state;
	put(DOCUMENT_CONTAINER, BOX, "{\"rules\":[" RULE("deny", ",\"enabled\":false") "," RULE("deny", ",\"expires_at\":\"2026-01-01T00:00:00Z\"") ","
		RULE("deny", ",\"expires_at\":\"2027-01-01T00:00:00Z\"") "," RULE("deny", ",\"expires_at\":\"2028-01-01T00:00:00Z\"") "]}");
	assert_ok(document_effective(store, BOX, 1767225600000 /* the first of 2026 */, &set, NULL, NULL, &until, &err), &err);
	assert_int_equal(set.rule_count, 2);
	assert_int_equal(until, 1798761600000);
	assert_true(set.egress_open);
	ruleset_free(&set);
}

static void nothing_goes_out_whatever_is_allowed(void **state)
{
	struct ruleset set;
	enum egress_mode mode;

	(void)state;
	put(DOCUMENT_REALM, REALM, "{\"egress\":\"none\"}");
	put(DOCUMENT_CONTAINER, BOX, "{\"egress\":\"open\",\"rules\":[" RULE("allow", "") ",{\"direction\":\"ingress\",\"action\":\"deny\"}]}");
	assert_ok(document_effective(store, BOX, 1, &set, NULL, &mode, NULL, &err), &err);
	assert_int_equal(mode, EGRESS_NONE);
	assert_int_equal(set.rule_count, 1);
	assert_int_equal(set.rules[0].direction, RULE_INGRESS);
	assert_false(set.egress_open);
	ruleset_free(&set);
	assert_int_equal(document_effective(store, REALM, 1, &set, NULL, NULL, NULL, &err), -1);
	assert_int_equal(err.code, ENOENT);
}

static void the_realm_says_whether_it_is_open_within(void **state)
{
	struct ruleset set;

	(void)state;
	put(DOCUMENT_REALM, REALM, "{\"internal\":\"open\"}");
	put(DOCUMENT_PROJECT, PROJECT, "{\"internal\":null}");
	assert_ok(document_effective(store, BOX, 1, &set, NULL, NULL, NULL, &err), &err);
	assert_true(set.internal_open);
	ruleset_free(&set);
	put(DOCUMENT_REALM, REALM, "{\"internal\":\"closed\"}");
	assert_ok(document_effective(store, BOX, 1, &set, NULL, NULL, NULL, &err), &err);
	assert_false(set.internal_open);
	ruleset_free(&set);
}

static void of_each_limit_the_smallest_holds(void **state)
{
	struct ruleset set;

	(void)state;
	put(DOCUMENT_REALM, REALM, "{\"limits\":{\"connections\":100,\"egress_rate\":1000000}}");
	put(DOCUMENT_PROJECT, PROJECT, "{\"limits\":{\"connections\":50,\"egress_rate\":null}}");
	put(DOCUMENT_CONTAINER, BOX, "{\"limits\":{\"connections\":60,\"ingress_rate\":20000}}");
	assert_ok(document_effective(store, BOX, 1, &set, NULL, NULL, NULL, &err), &err);
	assert_int_equal(set.traffic.limits[TRAFFIC_CONNECTIONS], 50);
	assert_int_equal(set.traffic.limits[TRAFFIC_NEW], 0);
	assert_int_equal(set.traffic.limits[TRAFFIC_EGRESS], 1000000);
	assert_int_equal(set.traffic.limits[TRAFFIC_INGRESS], 20000);
	ruleset_free(&set);
}

static int peers_check(const char *realm, const char *now, const char *before)
{
	json_t *document = json_parse(now, strlen(now), &err), *old = json_parse(before, strlen(before), &err);
	int result = document_peers_check(store, realm, document, old, &err);

	json_decref(document);
	json_decref(old);
	return result;
}

#define NOBODY "eeeeeeeeeeeeeeeeeeeeeeee"
#define NAMES(containers, projects) "{\"rules\":[{},{\"containers\":[" containers "],\"projects\":[" projects "]}]}"

static void whom_rules_name_is_of_the_realm(void **state)
{
	(void)state;
	assert_ok(peers_check(REALM, NAMES("\"" BOX "\"", "\"" PROJECT "\""), "{\"rules\":[]}"), &err);
	assert_int_equal(peers_check(NOBODY, NAMES("", "\"" PROJECT "\""), "{\"rules\":[]}"), -1);
	assert_string_equal(err.field, "rules[1].projects[0]");
	assert_int_equal(peers_check(REALM, NAMES("\"" BOX "\",\"" NOBODY "\"", ""), NAMES("", "\"" NOBODY "\"")), -1);
	assert_string_equal(err.field, "rules[1].containers[1]");
	/* One that is gone may stay. */
	assert_ok(peers_check(REALM, NAMES("\"" NOBODY "\"", ""), NAMES("\"" NOBODY "\"", "")), &err);
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *field;
	} bad[] = {
		{ "{\"egress\":\"half\"}", "egress" },
		{ "{\"internal\":\"open\"}", "internal" },
		{ "{\"limits\":{\"connections\":0}}", "limits.connections" },
		{ "{\"limits\":{\"egress_rate\":9999}}", "limits.egress_rate" },
		{ "{\"limits\":{\"more\":1}}", "limits.more" },
		{ "{\"limits\":7}", "limits" },
		{ "{\"rules\":[{}]}", "rules[0].direction" },
		{ "{\"rules\":[" RULE("deny", ",\"id\":\"" BOX "\"") "," RULE("deny", ",\"id\":\"" BOX "\"") "]}", "rules[1]" },
		{ "{\"ports\":[{\"host_port\":1023,\"port\":80}]}", "ports[0].host_port" },
		{ "{\"ports\":[{\"host_port\":2022,\"port\":80}]}", "ports[0].host_port" },
		{ "{\"ports\":[{\"host_port\":2222,\"port\":80}]}", "ports[0].host_port" },
		{ "{\"ports\":[{\"host_port\":8080,\"port\":80},{\"host_port\":8080,\"port\":81}]}", "ports[1]" },
		{ "{\"more\":1}", "more" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_t *body = json_parse(bad[i].text, strlen(bad[i].text), &err);
		assert_made(body, &err);
		assert_null(document_read(&cfg, DOCUMENT_CONTAINER, body, &err));
		assert_string_equal(err.field, bad[i].field);
		err = (struct error)ERROR_INIT;
		json_decref(body);
	}
	json_t *body = json_pack("{s:s}", "internal", "half");
	assert_null(document_read(&cfg, DOCUMENT_REALM, body, &err));
	assert_string_equal(err.field, "internal");
	json_decref(body);
	/* What is shown can be written back, also by who publishes nothing. */
	int64_t version;
	json_t *shown = document_load(store, REALM, &version, &err), *again = document_read(&cfg, DOCUMENT_REALM, shown, &err);
	assert_made(again, &err);
	assert_int_equal(version, 0);
	json_decref(shown);
	json_decref(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rules_are_asked_by_priority_then_scope_then_place, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(what_is_over_is_left_out, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(nothing_goes_out_whatever_is_allowed, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(of_each_limit_the_smallest_holds, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(the_realm_says_whether_it_is_open_within, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(whom_rules_name_is_of_the_realm, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_named, bench_open, bench_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
