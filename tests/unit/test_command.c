/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/command.c daemon/api/spec.c daemon/api/services.c daemon/api/confinement.c -lseccomp daemon/api/name.c -lcrypto
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>

#include "daemon/api/command.h"
#include "daemon/lib/json.h"

static struct exec_message exec;
static struct error err;
static unsigned char *input;
static size_t input_size;

static int read_it(const char *text)
{
	err = (struct error)ERROR_INIT;
	free(input);
	input = NULL;
	input_size = 0;
	cleanup_json json_t *body = json_parse(text, strlen(text), &err);
	assert_made(body, &err);
	return command_read(body, &exec, &input, &input_size, &err);
}

static void least_has_defaults(void **state)
{
	(void)state;
	assert_ok(read_it("{\"command\":[\"ls\",\"\"]}"), &err);
	assert_int_equal(exec.command_size, 4);
	assert_memory_equal(exec.command, "ls\0\0", 4);
	assert_int_equal(exec.timeout_ms, COMMAND_SECONDS_DEFAULT * 1000);
	assert_int_equal(exec.output_max, COMMAND_OUTPUT_DEFAULT);
	assert_string_equal(exec.user, "");
	assert_null(input);
}

static void everything_is_taken(void **state)
{
	(void)state;
	assert_ok(read_it("{\"command\":[\"ls\"],\"environment\":{\"A\":\"b\"},\"user\":\"www\",\"cwd\":\"/srv\",\"timeout\":7,"
			  "\"output_max\":0,\"stdin\":\"AAEC\"}"), &err);
	assert_memory_equal(exec.environment, "A=b", 4);
	assert_string_equal(exec.user, "www");
	assert_string_equal(exec.folder, "/srv");
	assert_int_equal(exec.timeout_ms, 7000);
	assert_int_equal(exec.output_max, 0);
	assert_int_equal(input_size, 3);
	assert_memory_equal(input, "\0\1\2", 3);
	assert_ok(protocol_check(MESSAGE_EXEC, &exec, sizeof exec, &err), &err);
}

static void input_has_its_exact_size(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} inputs[] = { { "", 0 }, { "eA==", 1 }, { "eHk=", 2 }, { "eHl6", 3 }, { "eHl6eA==", 4 } };
	char body[128];

	(void)state;
	for (size_t i = 0; i < COUNT(inputs); i++) {
		snprintf(body, sizeof body, "{\"command\":[\"x\"],\"stdin\":\"%s\"}", inputs[i].text);
		assert_ok(read_it(body), &err);
		assert_non_null(input);
		assert_int_equal(input_size, inputs[i].size);
		assert_memory_equal(input, "xyzx", inputs[i].size);
	}
}

static void bad_fields_are_named(void **state)
{
	static const char *const bodies[][2] = {
		{ "{}", "command" }, { "{\"command\":[]}", "command" }, { "{\"command\":[\"\"]}", "command[0]" },
		{ "{\"command\":[\"a\",1]}", "command[1]" }, 
		{ "{\"command\":[\"a\"],\"x\":1}", "x" }, { "{\"command\":[\"a\"],\"stdin\":1}", "stdin" },
		{ "{\"command\":[\"a\"],\"stdin\":null}", "stdin" }, { "{\"command\":[\"a\"],\"stdin\":\"A\"}", "stdin" },
		{ "{\"command\":[\"a\"],\"stdin\":\"A===\"}", "stdin" }, { "{\"command\":[\"a\"],\"stdin\":\"====\"}", "stdin" },
		{ "{\"command\":[\"a\"],\"stdin\":\"AA=A\"}", "stdin" }, { "{\"command\":[\"a\"],\"stdin\":\"AA A\"}", "stdin" },
		{ "{\"command\":[\"a\"],\"cwd\":\"b\"}", "cwd" }, { "{\"command\":[\"a\"],\"user\":\"\"}", "user" },
		{ "{\"command\":[\"a\"],\"timeout\":0}", "timeout" }, { "{\"command\":[\"a\"],\"timeout\":1201}", "timeout" },
		{ "{\"command\":[\"a\"],\"output_max\":1048577}", "output_max" },
		{ "{\"command\":[\"a\"],\"terminal\":{}}", "terminal" },
		{ "{\"command\":[\"a\"],\"attach\":1}", "attach" },
		{ "{\"command\":[\"a\"],\"attach\":true,\"stdin\":\"\"}", "stdin" },
		{ "{\"command\":[\"a\"],\"attach\":true,\"output_max\":1}", "output_max" },
		{ "{\"command\":[\"a\"],\"attach\":true,\"terminal\":{\"columns\":0}}", "terminal.columns" },
		{ "{\"command\":[\"a\"],\"attach\":true,\"terminal\":{\"rows\":10001}}", "terminal.rows" },
		{ "{\"command\":[\"a\"],\"attach\":true,\"terminal\":{\"x\":1}}", "terminal.x" },
		{ "{\"command\":[\"a\"],\"environment\":{\"A B\":\"\"}}", "environment.A B" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		if (read_it(bodies[i][0]) != -1)
			fail_msg("this was taken: %s", bodies[i][0]);
		assert_int_equal(err.code, EINVAL);
		assert_string_equal(err.field, bodies[i][1]);
	}
}

static void who_is_attached_has_time(void **state)
{
	(void)state;
	assert_int_equal(read_it("{\"command\":[\"a\"],\"attach\":true,\"terminal\":{\"columns\":132}}"), 0);
	assert_int_equal(exec.attach, 1);
	assert_int_equal(exec.terminal, 1);
	assert_int_equal(exec.columns, 132);
	assert_int_equal(exec.rows, 24);
	assert_int_equal(exec.timeout_ms, 0);
	assert_int_equal(read_it("{\"command\":[\"a\"],\"attach\":true,\"timeout\":5}"), 0);
	assert_int_equal(exec.terminal, 0);
	assert_int_equal(exec.timeout_ms, 5000);
	assert_int_equal(read_it("{\"command\":[\"a\"],\"attach\":false}"), 0);
	assert_int_equal(exec.attach, 0);
	assert_int_equal(exec.timeout_ms, 60000);
}

static void output_is_text_if_it_can_be(void **state)
{
	(void)state;
	cleanup_json json_t *text = command_output_json("\xc3\xa4\n\0", 4, 4);
	assert_string_equal(json_string_value(json_object_get(text, "encoding")), "utf-8");
	assert_int_equal(json_string_length(json_object_get(text, "data")), 4);
	assert_false(json_is_true(json_object_get(text, "truncated")));
	/* A character cut by the limit makes it bytes. */
	cleanup_json json_t *bytes = command_output_json("\xc3", 1, 9);
	assert_string_equal(json_string_value(json_object_get(bytes, "encoding")), "base64");
	assert_string_equal(json_string_value(json_object_get(bytes, "data")), "ww==");
	assert_int_equal(json_integer_value(json_object_get(bytes, "bytes")), 9);
	assert_true(json_is_true(json_object_get(bytes, "truncated")));
	cleanup_json json_t *none = command_output_json("", 0, 0);
	assert_string_equal(json_string_value(json_object_get(none, "data")), "");
}

static void signals_have_names(void **state)
{
	char name[16];

	(void)state;
	command_signal_name(SIGKILL, name);
	assert_string_equal(name, "SIGKILL");
	command_signal_name(40, name);
	assert_string_equal(name, "40");
}

static int input_free(void **state)
{
	(void)state;
	free(input);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(least_has_defaults),
		cmocka_unit_test(everything_is_taken),
		cmocka_unit_test(input_has_its_exact_size),
		cmocka_unit_test(bad_fields_are_named),
		cmocka_unit_test(who_is_attached_has_time),
		cmocka_unit_test(output_is_text_if_it_can_be),
		cmocka_unit_test(signals_have_names),
	};
	return cmocka_run_group_tests_name("command", tests, NULL, input_free);
}
