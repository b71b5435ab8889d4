/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <errno.h>

#include "daemon/lib/json.h"

static json_t *parsed(const char *text)
{
	struct error err = ERROR_INIT;
	json_t *root = json_parse(text, strlen(text), &err);

	if (root == NULL)
		fail_msg("%s: %s", text, err.message);
	return root;
}

static void parse_refuses_what_is_no_object(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", " ", "{", "}", "{}}", "{} {}", "[]", "1", "\"a\"", "null", "true", "{\"a\":1,}", "{'a':1}", "{a:1}",
		"{\"a\":1,\"a\":2}",                     /* duplicate key */
		"{\"x\":{\"a\":1,\"a\":1}}",             /* also inside */
		"{\"a\":\"\xff\"}", "{\"a\":\"\xc3\"}",  /* not UTF-8 */
		"{\"a\":\"\\ud800\"}",                   /* half a surrogate pair */
		"{\"a\":\"x\ny\"}",                      /* raw control character */
		"{\"a\":\"\\u0000\"}", "{\"\\u0000\":1}", /* a NUL would cut a C string */
		"{\"a\":99999999999999999999}",          /* no silent wrap */
		"{\"a\":1e999}", "{\"a\":NaN}", "{\"a\":01}", "{\"a\":+1}", "/* */{}", "\xef\xbb\xbf{}",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct error err = ERROR_INIT;

		if (json_parse(bad[i], strlen(bad[i]), &err) != NULL)
			fail_msg("took '%s'", bad[i]);
		assert_int_equal(err.code, EINVAL);
		assert_true(err.message[0] != '\0');
	}
}

static void parse_says_where(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	const char *text = "{\n  \"a\": 1,\n  \"b\": oops\n}";

	assert_null(json_parse(text, strlen(text), &err));
	assert_non_null(strstr(err.message, "line 3"));
}

/* A NUL byte in the text ends nothing: size counts. */
static void parse_goes_by_size(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	static const char text[] = "{\"a\":1}\0{\"b\":2}";

	json_t *root = json_parse(text, 7, &err);
	assert_made(root, &err);
	json_decref(root);
	assert_null(json_parse(text, sizeof text - 1, &err));
	char *cut = malloc(3); /* no byte behind it to run into (ASan looks on) */
	memcpy(cut, "{\"a", 3);
	assert_null(json_parse(cut, 3, &err));
	free(cut);
}

static void parse_survives_deep_nesting(void **state)
{
	(void)state;
	enum { DEPTH = 200000 };
	struct error err = ERROR_INIT;
	char *text = malloc(DEPTH + 5);

	memcpy(text, "{\"a\":", 5);
	memset(text + 5, '[', DEPTH);
	assert_null(json_parse(text, DEPTH + 5, &err));
	free(text);
}

static void read_takes_every_kind(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char text[9] = "";
	int64_t number = 0;
	bool flag = false, text_present = false, absent_present = true;
	json_t *list = NULL, *object = NULL;
	char absent[4] = "def";
	const struct json_field fields[] = {
		{ "s", JSON_KIND_STRING, true, 1, 8, text, &text_present },
		{ "i", JSON_KIND_INTEGER, true, -5, 5, &number, NULL },
		{ "b", JSON_KIND_BOOLEAN, true, 0, 0, &flag, NULL },
		{ "l", JSON_KIND_ARRAY, true, 0, 2, &list, NULL },
		{ "o", JSON_KIND_OBJECT, true, 0, 0, &object, NULL },
		{ "absent", JSON_KIND_STRING, false, 0, 3, absent, &absent_present },
	};
	json_t *root = parsed("{\"s\":\"12345678\",\"i\":-5,\"b\":true,\"l\":[1,2],\"o\":{}}");

	assert_ok(json_read(root, "", fields, COUNT(fields), &err), &err);
	assert_string_equal(text, "12345678");
	assert_int_equal(number, -5);
	assert_true(flag);
	assert_int_equal(json_array_size(list), 2);
	assert_true(json_is_object(object));
	assert_true(text_present);
	assert_false(absent_present);
	assert_string_equal(absent, "def"); /* absent: the default stays */
	json_decref(root);
}

/* One table, many documents, and the field that each must be blamed on. */
static void read_names_the_field(void **state)
{
	(void)state;
	static const struct {
		const char *text, *field;
	} cases[] = {
		{ "{\"s\":\"ok\",\"nope\":1}", "p.nope" },
		{ "{\"nope\":1}", "p.nope" },        /* the misspelt key, not the missing one */
		{ "{}", "p.s" },
		{ "{\"s\":\"\"}", "p.s" },
		{ "{\"s\":\"123456789\"}", "p.s" },
		{ "{\"s\":1}", "p.s" },
		{ "{\"s\":null}", "p.s" },           /* null is no way to say absent */
		{ "{\"s\":[\"a\"]}", "p.s" },
		{ "{\"s\":\"a\\u0007\"}", "p.s" },
		{ "{\"s\":\"a\\n\"}", "p.s" },
		{ "{\"s\":\"a\\u007f\"}", "p.s" },
		{ "{\"s\":\"a\",\"i\":6}", "p.i" },
		{ "{\"s\":\"a\",\"i\":-6}", "p.i" },
		{ "{\"s\":\"a\",\"i\":1.0}", "p.i" },
		{ "{\"s\":\"a\",\"i\":\"1\"}", "p.i" },
		{ "{\"s\":\"a\",\"i\":true}", "p.i" },
		{ "{\"s\":\"a\",\"i\":9223372036854775807}", "p.i" },
		{ "{\"s\":\"a\",\"b\":1}", "p.b" },
		{ "{\"s\":\"a\",\"b\":\"true\"}", "p.b" },
		{ "{\"s\":\"a\",\"b\":null}", "p.b" },
		{ "{\"s\":\"a\",\"l\":{}}", "p.l" },
		{ "{\"s\":\"a\",\"l\":[1,2,3]}", "p.l" },
		{ "{\"s\":\"a\",\"o\":[]}", "p.o" },
		{ "{\"S\":\"a\"}", "p.S" },          /* keys are case-sensitive */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct error err = ERROR_INIT;
		char text[9];
		int64_t number;
		bool flag;
		json_t *list, *object;
		const struct json_field fields[] = {
			{ "s", JSON_KIND_STRING, true, 1, 8, text, NULL },
			{ "i", JSON_KIND_INTEGER, false, -5, 5, &number, NULL },
			{ "b", JSON_KIND_BOOLEAN, false, 0, 0, &flag, NULL },
			{ "l", JSON_KIND_ARRAY, false, 0, 2, &list, NULL },
			{ "o", JSON_KIND_OBJECT, false, 0, 0, &object, NULL },
		};
		json_t *root = parsed(cases[i].text);

		if (json_read(root, "p", fields, COUNT(fields), &err) != -1)
			fail_msg("took %s", cases[i].text);
		assert_int_equal(err.code, EINVAL);
		if (strcmp(err.field, cases[i].field) != 0)
			fail_msg("%s: blames '%s', not '%s'", cases[i].text, err.field, cases[i].field);
		assert_non_null(strstr(err.message, cases[i].field));
		json_decref(root);
	}
}

/* Bytes count, not characters: the out array is in bytes. */
static void string_limit_is_in_bytes(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char text[5];
	const struct json_field fields[] = { { "s", JSON_KIND_STRING, true, 0, 4, text, NULL } };
	json_t *root = parsed("{\"s\":\"\xc3\xa9\xc3\xa9\"}");

	assert_ok(json_read(root, "", fields, 1, &err), &err);
	assert_int_equal(strlen(text), 4);
	json_decref(root);
	root = parsed("{\"s\":\"\xc3\xa9\xc3\xa9\xc3\xa9\"}");
	assert_int_equal(json_read(root, "", fields, 1, &err), -1);
	json_decref(root);
}

/* The path of an unknown key goes back to its sender as JSON, so it must stay UTF-8 when it is cut. */
static void cut_paths_stay_utf8(void **state)
{
	(void)state;

	for (size_t lead = 0; lead < 4; lead++) {
		struct error err = ERROR_INIT;
		char text[1024] = "{\"";
		for (size_t i = 0; i < lead; i++)
			strcat(text, "a");
		for (size_t i = 0; i < 150; i++)
			strcat(text, "\xe2\x82\xac"); /* the euro sign, three bytes */
		strcat(text, "\":1}");
		json_t *root = parsed(text);

		assert_int_equal(json_read(root, "", NULL, 0, &err), -1);
		json_t *field = json_string(err.field), *message = json_string(err.message);
		assert_non_null(field);
		assert_non_null(message);
		json_decref(field);
		json_decref(message);
		json_decref(root);
	}
}

static void read_wants_an_object(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	json_t *list = json_array();

	assert_int_equal(json_read(list, "a[0]", NULL, 0, &err), -1);
	assert_string_equal(err.field, "a[0]");
	assert_int_equal(json_read(NULL, "", NULL, 0, &err), -1);
	json_decref(list);
}

static void read_string_of_a_list(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char text[4];
	json_t *root = parsed("{\"l\":[\"abc\",\"abcd\",7]}");
	json_t *list = json_object_get(root, "l");

	assert_ok(json_read_string(json_array_get(list, 0), "l[0]", 1, 3, text, &err), &err);
	assert_string_equal(text, "abc");
	assert_int_equal(json_read_string(json_array_get(list, 1), "l[1]", 1, 3, text, &err), -1);
	assert_string_equal(err.field, "l[1]");
	assert_int_equal(json_read_string(json_array_get(list, 2), "l[2]", 1, 3, text, &err), -1);
	assert_string_equal(err.field, "l[2]");
	assert_int_equal(json_read_string(NULL, "l[3]", 1, 3, text, &err), -1);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_refuses_what_is_no_object),
		cmocka_unit_test(parse_says_where),
		cmocka_unit_test(parse_goes_by_size),
		cmocka_unit_test(parse_survives_deep_nesting),
		cmocka_unit_test(read_takes_every_kind),
		cmocka_unit_test(read_names_the_field),
		cmocka_unit_test(string_limit_is_in_bytes),
		cmocka_unit_test(cut_paths_stay_utf8),
		cmocka_unit_test(read_wants_an_object),
		cmocka_unit_test(read_string_of_a_list),
	};
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
