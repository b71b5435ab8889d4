/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/cli/call.c
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdbool.h>

#include "daemon/cli/call.h"
#include "daemon/cli/http.h"

/* The host: answers in turn; what was asked of it. */
static struct {
	const char *answers[4];
	char paths[4][256];
	int asked;
	long status;
} host;

int http_perform(const struct http_target *target, const struct http_request *request, struct http_reply *ret_reply,
		 struct error *err)
{
	(void)target;
	(void)err;
	assert_true(host.asked < 4);
	assert_non_null(host.answers[host.asked]);
	snprintf(host.paths[host.asked], sizeof host.paths[0], "%s %s", request->method, request->path);
	*ret_reply = (struct http_reply){ .status = host.status, .body = strdup(host.answers[host.asked]) };
	ret_reply->size = strlen(ret_reply->body);
	host.asked++;
	return 0;
}

void http_reply_clear(struct http_reply *reply)
{
	free(reply->body);
	*reply = (struct http_reply){ 0 };
}

static int list(json_t **answer, struct error *err, const char *first, const char *second, const char *third)
{
	memset(&host, 0, sizeof host);
	host.status = 200;
	host.answers[0] = first;
	host.answers[1] = second;
	host.answers[2] = third;
	*answer = NULL;
	return call_list(NULL, "/api/v1/realms", answer, err);
}

static void a_list_of_pages_is_one(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	json_t *answer;

	assert_ok(list(&answer, &err, "{\"items\":[1,2],\"next\":\"0a\"}", "{\"items\":[3],\"next\":\"0b c\"}",
		       "{\"items\":[4],\"next\":null}"), &err);
	assert_int_equal(host.asked, 3);
	assert_string_equal(host.paths[0], "GET /api/v1/realms?limit=200");
	assert_string_equal(host.paths[1], "GET /api/v1/realms?limit=200&after=0a");
	assert_string_equal(host.paths[2], "GET /api/v1/realms?limit=200&after=0b%20c");
	char *text = json_dumps(answer, JSON_COMPACT);
	assert_string_equal(text, "{\"items\":[1,2,3,4],\"next\":null}");
	free(text);
	json_decref(answer);

	assert_ok(list(&answer, &err, "{\"items\":[],\"next\":null}", NULL, NULL), &err);
	assert_int_equal(json_array_size(json_object_get(answer, "items")), 0);
	json_decref(answer);
}

static void what_is_no_list_is_refused(void **state)
{
	(void)state;
	static const char *const bad[][3] = {
		{ "{}" }, { "[]" }, { "" }, { "{\"items\":[]}" }, { "{\"items\":{},\"next\":null}" }, { "{\"items\":[],\"next\":7}" },
		{ "{\"items\":[1],\"next\":\"0a\"}", "{\"items\":[1],\"next\":\"0a\"}" },
		{ "{\"items\":[1],\"next\":\"0b\"}", "{\"items\":[1],\"next\":\"0a\"}" },
		{ "{\"items\":[1],\"next\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}" },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct error err = ERROR_INIT;
		json_t *answer;

		assert_int_equal(list(&answer, &err, bad[i][0], bad[i][1], bad[i][2]), -1);
		assert_int_equal(err.code, EPROTO);
		assert_null(answer);
	}
}

static void errors_have_kinds(void **state)
{
	(void)state;
	static const struct {
		long status;
		int code;
	} kinds[] = { { 400, EINVAL }, { 401, EACCES }, { 404, ENOENT }, { 409, EEXIST }, { 413, EFBIG }, { 503, EAGAIN }, { 500, EPROTO } };
	json_t *answer;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct error err = ERROR_INIT;

		memset(&host, 0, sizeof host);
		host.status = kinds[i].status;
		host.answers[0] = "{\"error\":{\"code\":\"invalid\",\"message\":\"no\",\"field\":\"name\"}}";
		host.answers[1] = "<html>proxy</html>";
		assert_int_equal(call_json(NULL, "GET", "/x", NULL, &answer, &err), -1);
		assert_int_equal(err.code, kinds[i].code);
		assert_string_equal(err.message, "no (invalid)");
		assert_string_equal(err.field, "name");
		assert_int_equal(call_json(NULL, "GET", "/x", NULL, &answer, &err), -1);
		assert_int_equal(err.code, kinds[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_pages_is_one),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(errors_have_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
