/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/gate/decide.c daemon/gate/visit.c daemon/gate/spop.c daemon/gate/attempts.c daemon/gate/remembered.c daemon/gate/rulebook.c -lcrypto
#include "tests/unit/unit.h"

#include <arpa/inet.h>

#include "daemon/gate/attempts.h"
#include "daemon/gate/decide.h"
#include "daemon/gate/remembered.h"
#include "daemon/gate/rulebook.h"
#include "daemon/lib/json.h"
#include "daemon/lib/path.h"

static struct error err;

static struct permissions read_text(const char *text)
{
	struct permissions permissions;
	json_t *object = json_parse(text, strlen(text), &err);

	if (object == NULL || permissions_read(object, &permissions, NULL, &err) == -1)
		fail_msg("%s: %s %s", text, err.field, err.message);
	json_decref(object);
	return permissions;
}

static struct visit visit_of(const char *source, const char *method, const char *target, const char *head)
{
	static char query[1024];
	const char *mark = strchr(target, '?');
	struct visit visit = { .method = { method, strlen(method) }, .head = { head, strlen(head) } };

	assert_ok(cidr_parse(source, &visit.source, &err), &err);
	visit.path = (struct span){ target, mark == NULL ? strlen(target) : (size_t)(mark - target) };
	snprintf(query, sizeof query, "%s", mark == NULL ? "" : mark + 1);
	visit.query = (struct span){ query, strlen(query) };
	return visit;
}

/* "right" is every condition's. */
static int password_is(const struct condition *condition, const char *user, const char *password, void *data)
{
	(void)user;
	(void)condition;
	(void)data;
	return strcmp(password, "unknown") == 0 ? -1 : strcmp(password, "right-one") == 0;
}

static struct verdict decided(const char *const levels[DECIDE_LEVELS], const char *service, uint16_t port, const struct visit *visit)
{
	static struct permissions read[DECIDE_LEVELS];
	struct decision decision = { .service = service, .port = port, .visit = visit, .now_ms = 1800000000000, .password = password_is };
	struct verdict verdict;

	for (int i = 0; i < DECIDE_LEVELS; i++) {
		permissions_free(&read[i]);
		if (levels[i] != NULL) {
			read[i] = read_text(levels[i]);
			decision.levels[i] = &read[i];
		}
	}
	decide(&decision, &verdict);
	return verdict;
}

#define OPEN "\"o\":{\"type\":\"open\"}"
#define IP "\"office\":{\"type\":\"ip\",\"range\":\"192.0.2.0/24\"}"
#define HASH "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
#define USER "{\"type\":\"password\",\"username\":\"ann\",\"hash\":\"" HASH "\"}"
#define TOKEN "{\"type\":\"token\",\"name\":\"ci\",\"value\":\"0123456789abcdef\"}"

static void test_levels(void **state)
{
	static const struct {
		const char *levels[DECIDE_LEVELS]; /* container, project, realm */
		enum verdict_kind inside, outside; /* from 192.0.2.1, from 198.51.100.1 */
	} cases[] = {
		{ { NULL, NULL, NULL }, VERDICT_ALLOW, VERDICT_ALLOW },
		{ { "{}", NULL, NULL }, VERDICT_ALLOW, VERDICT_ALLOW },
		{ { "{\"default\":\"deny\"}", NULL, NULL }, VERDICT_DENY, VERDICT_DENY },
		{ { NULL, NULL, "{\"default\":\"deny\"}" }, VERDICT_DENY, VERDICT_DENY },
		/* A group turns the default to deny. */
		{ { "{\"groups\":{" IP "}}", NULL, NULL }, VERDICT_DENY, VERDICT_DENY },
		{ { "{\"groups\":{" IP "},\"permissions\":{\"office\":{\"*\":true}}}", NULL, NULL }, VERDICT_ALLOW, VERDICT_DENY },
		{ { NULL, "{\"groups\":{" IP "},\"permissions\":{\"office\":{\"*\":true}}}", NULL }, VERDICT_ALLOW, VERDICT_DENY },
		{ { "{\"groups\":{" IP "},\"permissions\":{\"office\":{\"*\":true}},\"default\":\"allow\"}", NULL, NULL }, VERDICT_ALLOW, VERDICT_ALLOW },
		/* Deny wins between defaults. */
		{ { "{\"default\":\"allow\"}", "{\"default\":\"deny\"}", NULL }, VERDICT_DENY, VERDICT_DENY },
		{ { "{\"default\":\"allow\"}", NULL, "{\"groups\":{" IP "}}" }, VERDICT_DENY, VERDICT_DENY },
		/* Either switch cuts. */
		{ { "{\"enable_proxy\":false}", NULL, NULL }, VERDICT_CUT, VERDICT_CUT },
		{ { "{\"groups\":{" OPEN "},\"permissions\":{\"o\":{\"*\":true}}}", NULL, "{\"enable_proxy\":false}" }, VERDICT_CUT, VERDICT_CUT },
		/* The nearest group of a name, with what that document or a nearer one lets it use. */
		{ { "{\"groups\":{\"office\":{\"type\":\"ip\",\"range\":\"203.0.113.0/24\"}}}", "{\"groups\":{" IP "},\"permissions\":{\"office\":{\"*\":true}}}", NULL },
		  VERDICT_DENY, VERDICT_DENY },
		{ { "{\"permissions\":{\"office\":{\"*\":true}}}", "{\"groups\":{" IP "}}", NULL }, VERDICT_ALLOW, VERDICT_DENY },
		{ { "{\"permissions\":{\"office\":{\"*\":false}}}", "{\"groups\":{" IP "},\"permissions\":{\"office\":{\"*\":true}}}", NULL }, VERDICT_DENY, VERDICT_DENY },
		{ { "{\"groups\":{\"office\":{\"type\":\"open\"}},\"permissions\":{\"office\":{\"*\":true}}}", "{\"groups\":{" IP "}}", NULL }, VERDICT_ALLOW, VERDICT_ALLOW },
		/* What a farther document says of a group, a nearer group of the name does not get. */
		{ { NULL, "{\"groups\":{\"office\":{\"type\":\"open\"}}}", "{\"groups\":{" IP "},\"permissions\":{\"office\":{\"*\":true}}}" }, VERDICT_DENY, VERDICT_DENY },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct visit in = visit_of("192.0.2.1", "GET", "/", ""), out = visit_of("198.51.100.1", "GET", "/", "");
		if (decided(cases[i].levels, "", 80, &in).kind != cases[i].inside)
			fail_msg("case %zu, inside", i);
		if (decided(cases[i].levels, "", 80, &out).kind != cases[i].outside)
			fail_msg("case %zu, outside", i);
	}
}

static void test_conditions(void **state)
{
	static const struct {
		const char *group, *source, *target, *head;
		enum verdict_kind kind;
		const char *identity;
	} cases[] = {
		{ TOKEN, "192.0.2.1", "/", "authorization: Bearer 0123456789abcdef\r\n", VERDICT_ALLOW, "ci" },
		{ TOKEN, "192.0.2.1", "/", "Authorization: bearer  0123456789abcdef \r\n", VERDICT_ALLOW, "ci" },
		{ TOKEN, "192.0.2.1", "/", "authorization: Bearer 0123456789abcdeg\r\n", VERDICT_BEARER, "" },
		{ TOKEN, "192.0.2.1", "/", "authorization: 0123456789abcdef\r\n", VERDICT_BEARER, "" },
		{ TOKEN, "192.0.2.1", "/", "authorization: Bearer 0123456789abcdef\r\nauthorization: Bearer x\r\n", VERDICT_BEARER, "" },
		{ TOKEN, "192.0.2.1", "/?token=0123456789abcdef", "", VERDICT_BEARER, "" },
		{ "{\"type\":\"token\",\"header\":\"X-Key\",\"value\":\"0123456789abcdef\"}", "192.0.2.1", "/", "x-key: 0123456789abcdef\r\n", VERDICT_ALLOW, "" },
		{ "{\"type\":\"token\",\"header\":\"X-Key\",\"value\":\"0123456789abcdef\"}", "192.0.2.1", "/", "x-keys: 0123456789abcdef\r\n", VERDICT_DENY, "" },
		{ "{\"type\":\"token\",\"cookie\":\"s\",\"value\":\"0123456789abcdef\"}", "192.0.2.1", "/", "cookie: a=1; s=0123456789abcdef; b=2\r\n", VERDICT_ALLOW, "" },
		{ "{\"type\":\"token\",\"cookie\":\"s\",\"value\":\"0123456789abcdef\"}", "192.0.2.1", "/", "cookie: s=0123456789abcdef; s=1\r\n", VERDICT_DENY, "" },
		{ "{\"type\":\"token\",\"cookie\":\"s\",\"value\":\"0123456789abcdef\"}", "192.0.2.1", "/", "cookie: S=0123456789abcdef\r\n", VERDICT_DENY, "" },
		{ "{\"type\":\"token\",\"param\":\"k\",\"value\":\"0123456789abcde/\"}", "192.0.2.1", "/?a&k=0123456789abcde%2F", "", VERDICT_ALLOW, "" },
		{ "{\"type\":\"token\",\"param\":\"k\",\"value\":\"0123456789abcdef\"}", "192.0.2.1", "/?k=0123456789abcdef&k=2", "", VERDICT_DENY, "" },
		{ "{\"type\":\"token\",\"value\":\"0123456789abcdef\",\"expires_at\":\"2027-01-15T07:59:59Z\"}", "192.0.2.1", "/", "authorization: Bearer 0123456789abcdef\r\n", VERDICT_BEARER, "" },
		{ "{\"type\":\"token\",\"value\":\"0123456789abcdef\",\"expires_at\":\"2027-01-15T08:00:01Z\"}", "192.0.2.1", "/", "authorization: Bearer 0123456789abcdef\r\n", VERDICT_ALLOW, "" },
		{ USER, "192.0.2.1", "/", "authorization: Basic YW5uOnJpZ2h0LW9uZQ==\r\n", VERDICT_ALLOW, "ann" },
		{ USER, "192.0.2.1", "/", "authorization: Basic YW5uOndyb25nLW9uZQ==\r\n", VERDICT_LOGIN, "" },
		{ USER, "192.0.2.1", "/", "authorization: Basic Ym9iOnJpZ2h0LW9uZQ==\r\n", VERDICT_LOGIN, "" },
		{ USER, "192.0.2.1", "/", "authorization: Basic YW5uOnVua25vd24=\r\n", VERDICT_WAIT, "" },
		{ USER, "192.0.2.1", "/", "authorization: Basic !\r\n", VERDICT_LOGIN, "" },
		{ USER, "192.0.2.1", "/", "", VERDICT_LOGIN, "" },
		{ "[" USER "," TOKEN "]", "192.0.2.1", "/", "authorization: Bearer 0123456789abcdef\r\n", VERDICT_ALLOW, "ci" },
		{ "{\"all\":[" USER ",{\"type\":\"ip\",\"ranges\":[\"192.0.2.0/24\",\"2001:db8::/32\"]}]}", "192.0.2.1", "/", "authorization: Basic YW5uOnJpZ2h0LW9uZQ==\r\n", VERDICT_ALLOW, "ann" },
		{ "{\"all\":[" USER ",{\"type\":\"ip\",\"ranges\":[\"192.0.2.0/24\",\"2001:db8::/32\"]}]}", "2001:db8::1", "/", "authorization: Basic YW5uOnJpZ2h0LW9uZQ==\r\n", VERDICT_ALLOW, "ann" },
		{ "{\"all\":[" USER ",{\"type\":\"ip\",\"ranges\":[\"192.0.2.0/24\"]}]}", "198.51.100.1", "/", "authorization: Basic YW5uOnJpZ2h0LW9uZQ==\r\n", VERDICT_LOGIN, "" },
		/* No password is compared for who is refused anyway. */
		{ "{\"all\":[" USER ",{\"type\":\"ip\",\"ranges\":[\"192.0.2.0/24\"]}]}", "198.51.100.1", "/", "authorization: Basic YW5uOnVua25vd24=\r\n", VERDICT_LOGIN, "" },
	};
	char text[2048];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct visit visit = visit_of(cases[i].source, "GET", cases[i].target, cases[i].head);
		snprintf(text, sizeof text, "{\"groups\":{\"g\":%s},\"permissions\":{\"g\":{\"*\":true}}}", cases[i].group);
		struct verdict verdict = decided((const char *const[]){ text, NULL, NULL }, "", 80, &visit);
		if (verdict.kind != cases[i].kind || (verdict.kind == VERDICT_ALLOW && strcmp(verdict.identity, cases[i].identity) != 0))
			fail_msg("case %zu: %d, %s", i, verdict.kind, verdict.identity);
	}
}

static void test_grants(void **state)
{
	static const char document[] = "{\"groups\":{" OPEN "},\"permissions\":{\"o\":{\"web\":{\"methods\":[\"GET\"],\"paths\":[\"/docs/*\",\"/a/*/c\"]},"
				       "\"8080\":[{\"paths\":[\"/x\"]},{\"methods\":[\"POST\"]}]}}}";
	static const struct {
		const char *service;
		uint16_t port;
		const char *method, *target;
		bool good;
	} cases[] = {
		{ "web", 80, "GET", "/docs/", true },
		{ "web", 80, "HEAD", "/docs/one?x=/../", true },
		{ "web", 80, "POST", "/docs/one", false },
		{ "web", 80, "GET", "/docs", false },
		{ "web", 80, "GET", "/", false },
		{ "", 80, "GET", "/docs/", false },
		{ "web", 80, "GET", "/a/b/c", true },
		{ "web", 80, "GET", "/a/b/b/c", false },
		{ "web", 80, "GET", "/%64ocs/one", true },
		{ "web", 80, "GET", "/docs/../admin", false },
		{ "web", 80, "GET", "/docs/%2e%2e/admin", false },
		{ "web", 80, "GET", "/docs/.%2e/admin", false },
		{ "web", 80, "GET", "/docs/..;a/admin", false },
		{ "web", 80, "GET", "/docs/..%3ba/admin", false },
		{ "web", 80, "GET", "/docs/..%2fadmin", false },
		{ "web", 80, "GET", "/docs/%252e%252e/admin", false },
		{ "web", 80, "GET", "/docs//admin", false },
		{ "web", 80, "GET", "/docs\\admin", false },
		{ "web", 80, "GET", "/docs/%5c..%5cadmin", false },
		{ "web", 80, "GET", "/docs/%00", false },
		{ "web", 80, "GET", "/docs/%c0%ae%c0%ae/admin", false },
		{ "web", 80, "GET", "/docs/\xff", false },
		{ "web", 80, "GET", "/docs/\xc3\xbc/%e2%82%ac", true },
		{ "web", 80, "GET", "/docs/%zz", false },
		{ "web", 80, "GET", "/docs/%2", false },
		{ "web", 80, "GET", "/./docs/", false },
		{ "web", 80, "GET", "docs/", false },
		{ "", 8080, "GET", "/x", true },
		{ "other", 8080, "DELETE", "/x", true },
		{ "", 8080, "POST", "/any/thing", true },
		{ "", 8080, "GET", "/any/thing", false },
		{ "", 8081, "POST", "/x", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct visit visit = visit_of("192.0.2.1", cases[i].method, cases[i].target, "");
		struct verdict verdict = decided((const char *const[]){ document, NULL, NULL }, cases[i].service, cases[i].port, &visit);
		if ((verdict.kind == VERDICT_ALLOW) != cases[i].good)
			fail_msg("case %zu: %s %s", i, cases[i].method, cases[i].target);
	}
}

static void test_taken(void **state)
{
	char text[256];
	struct visit visit = visit_of("192.0.2.1", "GET", "/?a=1&k=2&b=3&kk=4", "cookie: a=1; s=2 ;b=3;ss=4\r\n");

	(void)state;
	assert_true(visit_query_without(&visit, "k", text, sizeof text));
	assert_string_equal(text, "a=1&b=3&kk=4");
	assert_true(visit_cookies_without(&visit, "s", text, sizeof text));
	assert_string_equal(text, "a=1; b=3; ss=4");
	assert_false(visit_query_without(&visit, "k", text, 5));
	visit = visit_of("192.0.2.1", "GET", "/", "cookie: s=2\r\n");
	assert_true(visit_cookies_without(&visit, "s", text, sizeof text));
	assert_string_equal(text, "");
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *field;
	} cases[] = {
		{ "{\"group\":{}}", "group" },
		{ "{\"default\":\"maybe\"}", "default" },
		{ "{\"enable_proxy\":null}", "enable_proxy" },
		{ "{\"groups\":{\"a b\":{\"type\":\"open\"}}}", "groups" },
		{ "{\"groups\":{\"g\":{}}}", "groups.g.type" },
		{ "{\"groups\":{\"g\":[]}}", "groups.g" },
		{ "{\"groups\":{\"g\":{\"type\":\"ip\"}}}", "groups.g" },
		{ "{\"groups\":{\"g\":{\"type\":\"ip\",\"range\":\"10.0.0.1/8\"}}}", "groups.g.range" },
		{ "{\"groups\":{\"g\":[{\"type\":\"open\"},{\"type\":\"ip\",\"ranges\":[\"::/0\",\"x\"]}]}}", "groups.g[1].ranges[1]" },
		{ "{\"groups\":{\"g\":{\"type\":\"token\"}}}", "groups.g.value" },
		{ "{\"groups\":{\"g\":{\"type\":\"token\",\"value\":\"short\"}}}", "groups.g.value" },
		{ "{\"groups\":{\"g\":{\"type\":\"token\",\"value\":\"0123456789abcdef\",\"header\":\"a_b\"}}}", "groups.g.header" },
		{ "{\"groups\":{\"g\":{\"type\":\"token\",\"value\":\"0123456789abcdef\",\"header\":\"a\",\"cookie\":\"b\"}}}", "groups.g" },
		{ "{\"groups\":{\"g\":{\"type\":\"token\",\"value\":\"0123456789abcdef\",\"expires_at\":\"soon\"}}}", "groups.g.expires_at" },
		{ "{\"groups\":{\"g\":{\"type\":\"password\",\"username\":\"a:b\",\"password\":\"long-enough\"}}}", "groups.g.username" },
		{ "{\"groups\":{\"g\":{\"type\":\"password\",\"username\":\"a\"}}}", "groups.g.password" },
		{ "{\"groups\":{\"g\":{\"type\":\"password\",\"username\":\"a\",\"hash\":\"$argon2i$v=19$m=1,t=1,p=1$a$b\"}}}", "groups.g.hash" },
		{ "{\"groups\":{\"g\":{\"type\":\"password\",\"username\":\"a\",\"hash\":\"$argon2id$v=19$m=9999999,t=2,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OWFiY2RlZjAx\"}}}", "groups.g.hash" },
		{ "{\"groups\":{\"g\":{\"type\":\"jwt\",\"algorithm\":\"none\",\"secret\":\"x\"}}}", "groups.g.algorithm" },
		{ "{\"groups\":{\"g\":{\"type\":\"jwt\",\"algorithm\":\"HS256\"}}}", "groups.g.secret" },
		{ "{\"groups\":{\"g\":{\"type\":\"jwt\",\"algorithm\":\"HS256\",\"secret\":\"short\"}}}", "groups.g.secret" },
		{ "{\"groups\":{\"g\":{\"type\":\"jwt\",\"algorithm\":\"RS256\",\"secret\":\"0123456789abcdef0123456789abcdef\"}}}", "groups.g.secret" },
		{ "{\"groups\":{\"g\":{\"type\":\"jwt\",\"algorithm\":\"RS256\",\"key\":\"x\"}}}", "groups.g.key" },
		{ "{\"groups\":{\"g\":{\"type\":\"jwt\",\"algorithm\":\"HS256\",\"secret\":\"0123456789abcdef0123456789abcdef\",\"sources\":[\"query:a\"]}}}", "groups.g.sources[0]" },
		{ "{\"groups\":{\"g\":{\"type\":\"jwt\",\"algorithm\":\"HS256\",\"secret\":\"0123456789abcdef0123456789abcdef\",\"claims\":{\"a\":{}}}}}", "groups.g.claims" },
		{ "{\"groups\":{\"g\":[[[[[[{\"type\":\"open\"}]]]]]]}}", "groups.g[0][0][0][0][0]" },
		{ "{\"permissions\":{\"g\":{\"A\":true}}}", "permissions.g" },
		{ "{\"permissions\":{\"g\":{\"a\":1}}}", "permissions.g.a" },
		{ "{\"permissions\":{\"g\":{\"a\":{\"paths\":[\"/a/../b\"]}}}}", "permissions.g.a.paths[0]" },
		{ "{\"permissions\":{\"g\":{\"a\":{\"paths\":[\"/a*b\"]}}}}", "permissions.g.a.paths[0]" },
		{ "{\"permissions\":{\"g\":{\"a\":{\"paths\":[]}}}}", "permissions.g.a.paths" },
		{ "{\"permissions\":{\"g\":{\"a\":{\"methods\":[\"get\"]}}}}", "permissions.g.a.methods[0]" },
		{ "{\"permissions\":{\"g\":{\"a\":{\"x\":1}}}}", "permissions.g.a" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct permissions permissions;
		json_t *object = json_parse(cases[i].text, strlen(cases[i].text), &err);
		assert_non_null(object);
		err = (struct error)ERROR_INIT;
		assert_int_equal(permissions_read(object, &permissions, NULL, &err), -1);
		if (strcmp(err.field, cases[i].field) != 0)
			fail_msg("%s: field %s, not %s: %s", cases[i].text, err.field, cases[i].field, err.message);
		json_decref(object);
	}
}

static void test_attempts(void **state)
{
	struct cidr one, neighbour, other;

	(void)state;
	assert_ok(cidr_parse("2001:db8::1", &one, &err), &err);
	assert_ok(cidr_parse("2001:db8::2", &neighbour, &err), &err);
	assert_ok(cidr_parse("2001:db8:0:1::1", &other, &err), &err);
	attempts_reset();
	for (int i = 0; i < ATTEMPTS_SOURCE_MAX; i++) {
		assert_true(attempts_allowed("a", &one, 1000));
		attempts_failed("a", &one, 1000);
	}
	assert_false(attempts_allowed("a", &one, 1000));
	assert_false(attempts_allowed("a", &neighbour, 1000)); /* of the same /64 */
	assert_true(attempts_allowed("a", &other, 1000));
	assert_true(attempts_allowed("b", &one, 1000));
	assert_true(attempts_allowed("a", &one, 61000));
	attempts_reset();
	for (int i = 0; i < ATTEMPTS_URL_MAX; i++) {
		struct cidr many = { .family = AF_INET, .prefix = 32, .bytes = { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } };
		attempts_failed("a", &many, 1000);
	}
	assert_false(attempts_allowed("a", &other, 1000));
	assert_true(attempts_allowed("b", &other, 1000));
}

static void test_remembered(void **state)
{
	(void)state;
	assert_int_equal(remembered_find("hash", "password", 1000), -1);
	remembered_add("hash", "password", true, 1000);
	remembered_add("hash", "other", false, 1000);
	assert_int_equal(remembered_find("hash", "password", 2000), 1);
	assert_int_equal(remembered_find("hash", "other", 2000), 0);
	assert_int_equal(remembered_find("hash2", "password", 2000), -1);
	assert_int_equal(remembered_find("hash", "password", 61001), -1);
}

static void test_rulebook(void **state)
{
	struct rulebook book = { 0 };
	char id[ID_TEXT];

	(void)state;
	for (int i = 99; i >= 0; i--) {
		struct permissions permissions = read_text("{\"default\":\"deny\"}");
		snprintf(id, sizeof id, "%024d", i * 7 % 100);
		assert_ok(rulebook_set(&book, id, &permissions, &err), &err);
	}
	assert_int_equal(book.count, 100);
	struct permissions none = read_text("{}"), cut = read_text("{\"enable_proxy\":false}");
	assert_ok(rulebook_set(&book, "000000000000000000000005", &none, &err), &err);
	assert_ok(rulebook_set(&book, "000000000000000000000006", &cut, &err), &err);
	assert_null(rulebook_find(&book, "000000000000000000000005"));
	assert_true(rulebook_find(&book, "000000000000000000000006")->cut);
	assert_false(rulebook_find(&book, "000000000000000000000007")->cut);
	assert_int_equal(book.count, 99);
	rulebook_clear(&book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),   cmocka_unit_test(test_conditions), cmocka_unit_test(test_grants), cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),  cmocka_unit_test(test_attempts),   cmocka_unit_test(test_remembered),
		cmocka_unit_test(test_rulebook),
	};

	return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
