/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/command.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/spec.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

enum { WORDS_MAX = 1024, BASE64_MAX = (COMMAND_INPUT_MAX + 2) / 3 * 4 };

static bool base64_valid(const char *text, size_t size)
{
	size_t body = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

	return size % 4 == 0 && size - body <= 2 && strspn(text + body, "=") == size - body;
}

static int input_read(json_t *value, unsigned char **ret_input, size_t *ret_size, struct error *err)
{
	const char *text = json_string_value(value);
	size_t size = json_string_length(value);

	if (text == NULL)
		return error_field(err, "stdin", "stdin must be a string of base64");
	if (size > BASE64_MAX)
		return error_field(err, "stdin", "stdin may have at most %d bytes; push a file instead", COMMAND_INPUT_MAX);
	if (!base64_valid(text, size))
		return error_field(err, "stdin", "stdin is not base64");
	unsigned char *input = malloc(size + 1);
	if (input == NULL)
		return error_set(err, ENOBUFS, "no memory for the input of a command");
	int decoded = EVP_DecodeBlock(input, (const unsigned char *)text, (int)size);
	if (decoded < 0) {
		free(input);
		return error_field(err, "stdin", "stdin is not base64");
	}
	/* It counts the padding as bytes. */
	*ret_size = (size_t)decoded - (size > 0 && text[size - 1] == '=') - (size > 1 && text[size - 2] == '=');
	*ret_input = input;
	return 0;
}

static int words_read(json_t *command, json_t *environment, struct exec_message *exec, struct error *err)
{
	if (spec_command_pack(command, exec->command, sizeof exec->command, &exec->command_size, err) == -1)
		return -1;
	return spec_environment_pack(environment, exec->environment, sizeof exec->environment, &exec->environment_size, err);
}

static int terminal_read(json_t *terminal, bool attach, struct exec_message *exec, struct error *err)
{
	int64_t columns = 80, rows = 24;
	const struct json_field fields[] = {
		{ "columns", JSON_KIND_INTEGER, false, 1, COMMAND_TERMINAL_MAX, &columns, NULL },
		{ "rows", JSON_KIND_INTEGER, false, 1, COMMAND_TERMINAL_MAX, &rows, NULL },
	};

	if (!attach)
		return error_field(err, "terminal", "a terminal is for a client that is attached: \"attach\": true");
	if (json_read(terminal, "terminal", fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	exec->terminal = 1;
	exec->columns = (uint32_t)columns;
	exec->rows = (uint32_t)rows;
	return 0;
}

int command_read(json_t *body, struct exec_message *ret_exec, unsigned char **ret_input, size_t *ret_input_size,
		 struct error *err)
{
	int64_t seconds = COMMAND_SECONDS_DEFAULT, output_max = COMMAND_OUTPUT_DEFAULT;
	json_t *command = NULL, *environment = NULL, *input = json_object_get(body, "stdin");
	json_t *terminal = NULL;
	unsigned char *bytes = NULL;
	bool attach = false, timed = false, limited = false;
	const struct json_field fields[] = {
		{ "command", JSON_KIND_ARRAY, true, 1, WORDS_MAX, &command, NULL },
		{ "environment", JSON_KIND_OBJECT, false, 0, 0, &environment, NULL },
		{ "user", JSON_KIND_STRING, false, 1, USER_TEXT - 1, ret_exec->user, NULL },
		{ "cwd", JSON_KIND_STRING, false, 1, FOLDER_TEXT - 1, ret_exec->folder, NULL },
		{ "timeout", JSON_KIND_INTEGER, false, 1, COMMAND_SECONDS_MAX, &seconds, &timed },
		{ "output_max", JSON_KIND_INTEGER, false, 0, EXEC_OUTPUT_MAX, &output_max, &limited },
		{ "attach", JSON_KIND_BOOLEAN, false, 0, 0, &attach, NULL },
		{ "terminal", JSON_KIND_OBJECT, false, 0, 0, &terminal, NULL },
	};

	memset(ret_exec, 0, sizeof *ret_exec);
	if (input != NULL && input_read(input, &bytes, ret_input_size, err) == -1)
		return -1;
	/* Read by now, and too large for a field of the table. */
	json_object_del(body, "stdin");
	if (json_read(body, "", fields, sizeof fields / sizeof fields[0], err) == -1 ||
	    words_read(command, environment, ret_exec, err) == -1)
		goto fail;
	if (ret_exec->folder[0] != '\0' && ret_exec->folder[0] != '/') {
		error_field(err, "cwd", "cwd must begin with /");
		goto fail;
	}
	if (attach && (bytes != NULL || limited)) {
		error_field(err, bytes != NULL ? "stdin" : "output_max", "a client that is attached brings the input and takes the output");
		goto fail;
	}
	if (terminal != NULL && terminal_read(terminal, attach, ret_exec, err) == -1)
		goto fail;
	ret_exec->attach = attach;
	if (attach && !timed)
		seconds = 0;
	ret_exec->timeout_ms = (uint32_t)seconds * 1000;
	ret_exec->output_max = (uint32_t)output_max;
	*ret_input = bytes;
	return 0;

fail:
	free(bytes);
	return -1;
}

json_t *command_output_json(const char *data, size_t size, uint64_t written)
{
	const char *encoding = "utf-8";
	json_t *text = json_stringn(data, size);

	if (text == NULL) {
		cleanup_free unsigned char *coded = malloc((size + 2) / 3 * 4 + 1);
		if (coded == NULL)
			return NULL;
		int length = EVP_EncodeBlock(coded, (const unsigned char *)data, (int)size);
		text = json_stringn((const char *)coded, (size_t)length);
		encoding = "base64";
	}
	return json_pack("{s:s, s:o, s:I, s:b}", "encoding", encoding, "data", text, "bytes", (json_int_t)written, "truncated",
			 written > size);
}

void command_signal_name(int signal, char text[16])
{
	const char *name = sigabbrev_np(signal);

	if (name != NULL)
		snprintf(text, 16, "SIG%s", name);
	else
		snprintf(text, 16, "%d", signal);
}
