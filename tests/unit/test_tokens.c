/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: tests/unit/stub_request.c daemon/api/tokens.c daemon/api/idempotency.c daemon/api/auth.c daemon/api/page.c
// link: daemon/api/store.c -lsqlite3 -lcrypto
#include "tests/unit/unit.h"

#include "daemon/api/auth.h"
#include "daemon/api/resources.h"
#include "daemon/api/sessions.h"
#include "daemon/api/store.h"
#include "tests/unit/stub_request.h"

#define REALM "aaaaaaaaaaaaaaaaaaaaaaaa"
#define ADMIN "111111111111111111111111"
#define DAY_MS (INT64_C(24) * 3600 * 1000)

static char revoked[ID_TEXT];

void sessions_revoke(const char *token)
{
	snprintf(revoked, sizeof revoked, "%s", token);
}

static int bench_open(void **state)
{
	(void)state;
	stub_open();
	stub_sql("INSERT INTO realms (id, name, sharing, created) VALUES (?1, 'a', 'realm', 1)", REALM);
	stub_sql("INSERT INTO tokens (id, name, hash, role, platform, created) VALUES (?1, '', x'00', 2, 0, 1)", ADMIN);
	stub_sql("INSERT INTO token_realms (token, realm) VALUES (?1, '" REALM "')", ADMIN);
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	stub_close();
	return 0;
}

static void as_realm_admin(int64_t expires)
{
	stub.request.caller = (struct caller){ .role = CALLER_ADMIN, .token = ADMIN, .expires = expires };
}

static int64_t expires(void)
{
	const char *text = json_string_value(json_object_get(stub.body, "expires_at"));

	return text == NULL ? 0 : atoll(text);
}

#define MINT(more) stub_call(tokens_create, "{\"role\":\"reader\"" more "}")
#define BOUND ",\"realms\":[\"" REALM "\"]"

static void a_token_outlives_not_the_one_that_made_it(void **state)
{
	(void)state;
	as_realm_admin(stub.now_ms + 5000);
	assert_int_equal(MINT(BOUND), 201);
	assert_int_equal(expires(), stub.now_ms + 5000);
	assert_int_equal(MINT(BOUND ",\"expires_in\":6"), 201);
	assert_int_equal(expires(), stub.now_ms + 5000);
	assert_int_equal(MINT(BOUND ",\"expires_in\":4"), 201);
	assert_int_equal(expires(), stub.now_ms + 4000);
	as_realm_admin(0);
	assert_int_equal(MINT(BOUND), 201);
	assert_int_equal(expires(), 0);
	assert_int_equal(MINT(BOUND ",\"expires_in\":6"), 201);
	assert_int_equal(expires(), stub.now_ms + 6000);
}

static void the_whole_platform_is_said_or_left_out(void **state)
{
	(void)state;
	assert_int_equal(MINT(",\"realms\":[]"), 400);
	assert_string_equal(stub.field, "realms");
	assert_int_equal(MINT(",\"realms\":[\"*\"]"), 201);
	assert_int_equal(MINT(""), 201);
	assert_int_equal(stub_count("SELECT count(*) FROM tokens WHERE platform = 1"), 2);
	as_realm_admin(0);
	assert_int_equal(MINT(",\"realms\":[\"*\"]"), 403);
	assert_int_equal(MINT(""), 403);
	assert_int_equal(MINT(",\"realms\":[\"*\",\"*\"]"), 404);
	assert_int_equal(stub_count("SELECT count(*) FROM tokens WHERE platform = 1"), 2);
}

static void the_caller_knows_when_its_token_ends(void **state)
{
	struct error err = ERROR_INIT;
	struct caller caller;
	char header[128];

	(void)state;
	assert_int_equal(MINT(",\"expires_in\":60"), 201);
	snprintf(header, sizeof header, "Bearer %s", json_string_value(json_object_get(stub.body, "token")));
	assert_ok(auth_caller(stub.api.store, header, stub.now_ms, &caller, &err), &err);
	assert_int_equal(caller.expires, stub.now_ms + 60000);
	assert_int_equal(auth_caller(stub.api.store, header, stub.now_ms + 60000, &caller, &err), -1);
}

static void tokens_are_limited_and_expired_ones_go(void **state)
{
	(void)state;
	stub_sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
		 " INSERT INTO tokens (id, name, hash, role, platform, created, expires) SELECT printf('%024d', i), '',"
		 " cast(printf('%d', i) AS BLOB), 0, 0, 1, 1000000001 FROM n WHERE ?1 <> ''", "x");
	stub_sql("INSERT INTO token_realms (token, realm) SELECT id, ?1 FROM tokens WHERE id <> '" ADMIN "'", REALM);
	as_realm_admin(0);
	assert_int_equal(MINT(BOUND), 409);
	assert_string_equal(stub.code, "limit");
	assert_int_equal(stub_count("SELECT count(*) FROM tokens"), 1000);
	stub.now_ms++;
	assert_int_equal(MINT(BOUND), 201);
	assert_int_equal(stub_count("SELECT count(*) FROM tokens"), 2);
	stub.request.caller.platform = true;
	assert_int_equal(MINT(""), 201); /* counted apart */
}

static void a_key_makes_one_thing_for_a_day(void **state)
{
	(void)state;
	stub.key = "k";
	assert_int_equal(MINT(""), 201);
	assert_int_equal(MINT(""), 201);
	assert_true(stub.request.replayed);
	assert_int_equal(stub_count("SELECT count(*) FROM tokens WHERE platform = 1"), 1);
	stub.now_ms += DAY_MS + 1;
	assert_int_equal(MINT(""), 201);
	assert_false(stub.request.replayed);
	assert_int_equal(stub_count("SELECT count(*) FROM tokens WHERE platform = 1"), 2);
	assert_int_equal(stub_count("SELECT count(*) FROM idempotency"), 1);
}

static void keys_are_limited_and_old_ones_go_in_small_steps(void **state)
{
	int64_t left;

	(void)state;
	stub_sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
		 " INSERT INTO idempotency (caller, key, path, body, resource, created) SELECT ?1, printf('%d', i), '', x'', '',"
		 " 1000000000 FROM n", "");
	stub.key = "new";
	assert_int_equal(MINT(""), 409);
	assert_string_equal(stub.code, "limit");
	assert_string_equal(stub.field, "Idempotency-Key");
	stub.key = NULL;
	assert_int_equal(MINT(""), 201);
	stub.key = "9999"; /* old, and not gone yet */
	stub.now_ms += DAY_MS + 1;
	assert_int_equal(MINT(""), 201);
	assert_false(stub.request.replayed);
	left = stub_count("SELECT count(*) FROM idempotency");
	assert_true(left < 10000 && left > 9000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_outlives_not_the_one_that_made_it),
		TEST(the_whole_platform_is_said_or_left_out),
		TEST(the_caller_knows_when_its_token_ends),
		TEST(tokens_are_limited_and_expired_ones_go),
		TEST(a_key_makes_one_thing_for_a_day),
		TEST(keys_are_limited_and_old_ones_go_in_small_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
