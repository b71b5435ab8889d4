/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/cli/audit.c daemon/cli/resource.c daemon/cli/file.c daemon/cli/progress.c daemon/cli/pull.c daemon/cli/prompt.c
#include "tests/unit/unit.h"

#include <errno.h>

#include "daemon/cli/call.h"
#include "daemon/cli/http.h"
#include "daemon/cli/resource.h"

/* What the last command sent. */
static char sent_method[8], sent_path[256], sent_body[1024];

int call_json(const struct http_target *target, const char *method, const char *path, json_t *body, json_t **ret_answer,
	      struct error *err)
{
	(void)target;
	(void)err;
	snprintf(sent_method, sizeof sent_method, "%s", method);
	snprintf(sent_path, sizeof sent_path, "%s", path);
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	snprintf(sent_body, sizeof sent_body, "%s", text != NULL ? text : "");
	free(text);
	*ret_answer = json_null();
	return 0;
}

int call_request(const struct http_target *target, const struct http_request *request, json_t **ret_answer,
		 struct error *err)
{
	(void)target;
	(void)err;
	snprintf(sent_method, sizeof sent_method, "%s", request->method);
	snprintf(sent_path, sizeof sent_path, "%s", request->path);
	*ret_answer = json_null();
	return 0;
}

/* The real one is in test_call. */
int call_list(const struct http_target *target, const char *path, json_t **ret_answer, struct error *err)
{
	int result = call_json(target, "GET", path, NULL, ret_answer, err);

	strcpy(sent_method, "LIST");
	return result;
}

bool call_escape(const char *text, char *out, size_t size)
{
	return (size_t)snprintf(out, size, "%s", text) < size;
}

static int run(int count, const char *const *words, struct error *err)
{
	char *argv[8] = { NULL };

	for (int i = 0; i < count; i++)
		argv[i] = strdup(words[i]);
	int result = resource_run(NULL, count, argv, err);
	for (int i = 0; i < count; i++)
		free(argv[i]);
	return result;
}

#define RUN(err, ...) run(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), (const char *[]){ __VA_ARGS__ }, err)

static void verbs_become_requests(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_int_equal(RUN(&err, "host"), 0);
	assert_string_equal(sent_path, "/api/v1/host");
	assert_string_equal(sent_method, "GET");
	assert_int_equal(RUN(&err, "container", "stop", "0123"), 0);
	assert_string_equal(sent_method, "POST");
	assert_string_equal(sent_path, "/api/v1/containers/0123/stop");
	assert_string_equal(sent_body, "");
	assert_int_equal(RUN(&err, "realm", "create", "home"), 0);
	assert_string_equal(sent_body, "{\"name\":\"home\"}");
	assert_int_equal(RUN(&err, "project", "create", "web", "realm=77"), 0);
	assert_string_equal(sent_body, "{\"name\":\"web\",\"realm\":\"77\"}");
	assert_int_equal(RUN(&err, "realm", "change", "77", "sharing=host"), 0);
	assert_string_equal(sent_method, "PATCH");
	assert_string_equal(sent_path, "/api/v1/realms/77");
	assert_string_equal(sent_body, "{\"sharing\":\"host\"}");
	assert_int_equal(RUN(&err, "realm", "change"), -1);
	assert_int_equal(RUN(&err, "realm", "compact", "77", "dry_run:=true"), 0);
	assert_string_equal(sent_path, "/api/v1/realms/77/compact");
	assert_string_equal(sent_body, "{\"dry_run\":true}");
	assert_int_equal(RUN(&err, "image", "import", "/dev/null"), -1);
	assert_int_equal(err.code, EINVAL);
}

static void every_list_is_whole(void **state)
{
	(void)state;
	static const char *const nouns[] = { "token", "realm", "project", "image", "container" };
	struct error err = ERROR_INIT;
	char path[64];

	for (size_t i = 0; i < COUNT(nouns); i++) {
		assert_int_equal(RUN(&err, nouns[i], "list"), 0);
		assert_string_equal(sent_method, "LIST");
		snprintf(path, sizeof path, "/api/v1/%ss", nouns[i]);
		assert_string_equal(sent_path, path);
	}
}

static void an_image_may_name_its_realm(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char file[PATH_MAX + 16];
	static char folder[PATH_MAX];

	unit_folder_make(folder);
	snprintf(file, sizeof file, "%s/tar", folder);
	fclose(fopen(file, "we"));
	assert_ok(RUN(&err, "image", "import", file, "debian"), &err);
	assert_string_equal(sent_path, "/api/v1/images?name=debian");
	assert_ok(RUN(&err, "image", "import", file, "debian", "realm=77"), &err);
	assert_string_equal(sent_path, "/api/v1/images?name=debian&realm=77");
	strcpy(sent_path, "");
	assert_int_equal(RUN(&err, "image", "import", file, "debian", "realm:=[77]"), -1);
	assert_int_equal(RUN(&err, "image", "import", file, "debian", "realm"), -1);
	assert_int_equal(RUN(&err, "image", "import", file, "debian", "name=other"), -1);
	assert_string_equal(sent_path, "");
	unit_folder_remove(folder);
}

static void text_that_is_no_utf8_is_named(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_int_equal(RUN(&err, "realm", "create", "\xff"), -1);
	assert_int_equal(err.code, EINVAL);
	assert_string_equal(err.message, "name is not valid UTF-8");
	assert_int_equal(RUN(&err, "realm", "create", "a", "\xff=b"), -1);
	assert_int_equal(err.code, EINVAL);
	assert_int_equal(RUN(&err, "realm", "create", "a", "\xff.x=b"), -1);
	assert_int_equal(err.code, EINVAL);
}

static void fields_have_two_kinds_and_levels(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_int_equal(RUN(&err, "container", "create", "www", "port:=8080", "limits.memory_max:=1048576", "limits.note=a=b",
			     "command:=[\"/bin/x\"]"), 0);
	assert_string_equal(sent_body, "{\"name\":\"www\",\"port\":8080,\"limits\":{\"memory_max\":1048576,\"note\":\"a=b\"},"
				       "\"command\":[\"/bin/x\"]}");
}

static void wrong_usage_sends_nothing(void **state)
{
	(void)state;
	static const char *const bad[][6] = {
		{ "container" }, { "container", "fly" }, { "container", "stop" }, { "container", "stop", "1", "2" },
		{ "realm", "create" }, { "realm", "create", "a", "b" }, { "realm", "create", "a", "=b" },
		{ "realm", "create", "a", ":=b" }, { "realm", "create", "a", "x:={" }, { "realm", "create", "a", "name=b" },
		{ "realm", "create", "a", "x=1", "x.y=2" }, { "host", "now" }, { "realm", "create", "\xff" },
	};
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int count = 0;

		while (count < 6 && bad[i][count] != NULL)
			count++;
		strcpy(sent_path, "");
		if (run(count, bad[i], &err) != -1 || err.code == 0 || sent_path[0] != '\0')
			fail_msg("case %zu was taken", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_become_requests),
		cmocka_unit_test(every_list_is_whole),
		cmocka_unit_test(an_image_may_name_its_realm),
		cmocka_unit_test(text_that_is_no_utf8_is_named),
		cmocka_unit_test(fields_have_two_kinds_and_levels),
		cmocka_unit_test(wrong_usage_sends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
