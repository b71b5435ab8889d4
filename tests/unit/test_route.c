/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/route.c
#include "tests/unit/unit.h"

#include "daemon/api/resources.h"
#include "daemon/api/route.h"

/* The table names every handler; none is called here. */
#define HANDLER(name) \
	void name(struct request *request) \
	{ \
		(void)request; \
		fail(); \
	}
#include "tests/unit/handlers.h"
HANDLER(host_show)
HANDLER(images_create_head)
HANDLER(files_show)
HANDLER(files_put_head)

static void a_pattern_takes_one_segment(void **state)
{
	(void)state;
	char id[8] = "";

	assert_true(route_match("/a/*", "/a/b", id, sizeof id));
	assert_string_equal(id, "b");
	assert_true(route_match("/a/*/c", "/a/1234567/c", id, sizeof id));
	assert_string_equal(id, "1234567");
	assert_false(route_match("/a/*", "/a/", id, sizeof id));
	assert_false(route_match("/a/*", "/a", id, sizeof id));
	assert_false(route_match("/a/*", "/a/b/", id, sizeof id));
	assert_false(route_match("/a/*", "/a/b/c", id, sizeof id));
	assert_false(route_match("/a/*/c", "/a//c", id, sizeof id));
	assert_false(route_match("/a/*", "/a/12345678", id, sizeof id)); /* no room */
	assert_false(route_match("/a", "/ab", id, sizeof id));
	assert_false(route_match("/ab", "/a", id, sizeof id));
}

static void the_table_knows_its_methods(void **state)
{
	(void)state;
	char id[80];
	unsigned int methods;
	char allow[ROUTE_ALLOW_TEXT];

	const struct api_route *route = route_find("/api/v1/containers/abc/start", METHOD_POST, id, sizeof id, &methods);
	assert_non_null(route);
	assert_ptr_equal(route->handler, containers_start);
	assert_string_equal(id, "abc");

	assert_null(route_find("/api/v1/containers/abc", METHOD_POST, id, sizeof id, &methods));
	assert_int_equal(methods, METHOD_GET | METHOD_PATCH | METHOD_DELETE);
	route_allow(methods, allow);
	assert_string_equal(allow, "GET, HEAD, DELETE, PATCH");
	assert_null(route_find("/api/v1/nothing", METHOD_GET, id, sizeof id, &methods));
	assert_int_equal(methods, 0);
	assert_null(route_find("/api/v1/realms", (enum method)0, id, sizeof id, &methods));
	route_allow(methods, allow);
	assert_string_equal(allow, "GET, HEAD, POST");
	route_allow(~0U, allow); /* all of them fit */
	assert_string_equal(allow, "GET, HEAD, POST, DELETE, PATCH, PUT");
}

static void query_keys_are_whole_words(void **state)
{
	(void)state;
	struct api_route route = { .query = " limit after name " };

	assert_true(route_query_known(&route, "limit"));
	assert_true(route_query_known(&route, "name"));
	assert_false(route_query_known(&route, "lim"));
	assert_false(route_query_known(&route, "imit"));
	assert_false(route_query_known(&route, "limit after"));
	assert_false(route_query_known(&route, " limit"));
	assert_false(route_query_known(&route, ""));
	route.query = "";
	assert_false(route_query_known(&route, "limit"));
}

static void whatever_changes_something_needs_a_role(void **state)
{
	(void)state;
	for (size_t i = 0; i < api_route_count; i++) {
		assert_true((api_routes[i].head != NULL) == (api_routes[i].body == ROUTE_BODY_ARCHIVE || api_routes[i].body == ROUTE_BODY_FILE));
		if (api_routes[i].method != METHOD_GET) {
			assert_false(api_routes[i].open);
			assert_true(api_routes[i].role >= CALLER_OPERATOR);
		}
		/* Two calls are open to everybody: the description, and the public key that services check identities with. */
		if (api_routes[i].open)
			assert_true(api_routes[i].handler == openapi_show || api_routes[i].handler == identity_jwks);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_takes_one_segment),
		cmocka_unit_test(the_table_knows_its_methods),
		cmocka_unit_test(query_keys_are_whole_words),
		cmocka_unit_test(whatever_changes_something_needs_a_role),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
