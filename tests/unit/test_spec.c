/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/spec.c daemon/api/services.c daemon/api/confinement.c -lseccomp daemon/api/name.c
#include "tests/unit/unit.h"

#include "daemon/api/spec.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

#define BASE "\"project\":\"0123456789abcdef01234567\",\"image\":\"debian\",\"name\":\"www\""

static int read_text(const char *text, struct spec *spec, struct error *err)
{
	json_t *body = json_parse(text, strlen(text), err);

	assert_non_null(body);
	int result = spec_read(body, spec, err);
	json_decref(body);
	return result;
}

static void defaults(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct spec spec;

	assert_int_equal(read_text("{" BASE "}", &spec, &err), 0);
	assert_string_equal(spec.name, "www");
	assert_int_equal(spec.port, 0); /* as the image says */
	assert_int_equal(spec.memory_max, 0);
	assert_true(spec.swap_max == SPEC_NO_LIMIT);
	assert_int_equal(spec.cpu_weight, 100);
	assert_null(spec.command);
}

static void swap_follows_memory(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct spec spec;

	assert_int_equal(read_text("{" BASE ",\"limits\":{\"memory_max\":67108864}}", &spec, &err), 0);
	assert_int_equal(spec.swap_max, 67108864);
	assert_int_equal(read_text("{" BASE ",\"limits\":{\"memory_max\":67108864,\"swap_max\":0}}", &spec, &err), 0);
	assert_int_equal(spec.swap_max, 0);
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *text, *field;
	} bad[] = {
		{ "{}", "project" },
		{ "{" BASE ",\"x\":1}", "x" },
		{ "{" BASE ",\"port\":65536}", "port" },
		{ "{" BASE ",\"port\":\"80\"}", "port" },
		{ "{" BASE ",\"command\":[]}", "command" },
		{ "{" BASE ",\"command\":[\"\"]}", "command[0]" },
		{ "{" BASE ",\"command\":[\"a\",null]}", "command[1]" },
		{ "{" BASE ",\"environment\":{\"1A\":\"x\"}}", "environment.1A" },
		{ "{" BASE ",\"environment\":{\"A\":1}}", "environment.A" },
		{ "{" BASE ",\"environment\":{\"A\":\"x\\ny\"}}", "environment.A" },
		{ "{" BASE ",\"environment\":{\"A\":\"x\",\"B\":\"\\r\"}}", "environment.B" },
		{ "{" BASE ",\"limits\":{\"memory_max\":4096}}", "limits.memory_max" },
		{ "{" BASE ",\"limits\":{\"memory_high\":4096}}", "limits.memory_high" },
		{ "{" BASE ",\"limits\":{\"memory_max\":67108864,\"memory_high\":67108865}}", "limits.memory_high" },
		{ "{" BASE ",\"limits\":{\"cpu_weight\":0}}", "limits.cpu_weight" },
	};
	struct spec spec;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct error err = ERROR_INIT;
		assert_int_equal(read_text(bad[i].text, &spec, &err), -1);
		assert_string_equal(err.field, bad[i].field);
	}
}

static void words_end_with_nul(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char words[8];
	uint32_t size;
	json_t *list = json_pack("[s, s, s]", "ab", "", "c\nd");

	assert_int_equal(spec_command_pack(list, words, sizeof words, &size, &err), 0);
	assert_int_equal(size, 8);
	assert_memory_equal(words, "ab\0\0c\nd", 8);
	assert_int_equal(spec_command_pack(list, words, sizeof words - 1, &size, &err), -1);
	json_decref(list);
	assert_int_equal(spec_command_pack(NULL, words, sizeof words, &size, &err), 0);
	assert_int_equal(size, 0);

	json_t *object = json_pack("{s:s, s:s}", "A", "x", "B", "");
	assert_int_equal(spec_environment_pack(object, words, sizeof words, &size, &err), 0);
	assert_int_equal(size, 7);
	assert_memory_equal(words, "A=x\0B=\0", 7);
	assert_int_equal(spec_environment_pack(object, words, 6, &size, &err), -1);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(swap_follows_memory),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(words_end_with_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
