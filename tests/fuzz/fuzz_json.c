/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_json: any body against a table that has every kind of field. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	char name[64] = "", note[17] = "";
	int64_t count = 0;
	bool flag = false, present = false;
	json_t *list = NULL, *limits = NULL;
	int64_t memory = 0;
	const struct json_field fields[] = {
		{ "name", JSON_KIND_STRING, true, 1, 63, name, NULL },
		{ "note", JSON_KIND_STRING, false, 0, 16, note, &present },
		{ "count", JSON_KIND_INTEGER, false, -10, 10, &count, NULL },
		{ "flag", JSON_KIND_BOOLEAN, false, 0, 0, &flag, NULL },
		{ "list", JSON_KIND_ARRAY, false, 0, 4, &list, NULL },
		{ "limits", JSON_KIND_OBJECT, false, 0, 0, &limits, NULL },
	};
	const struct json_field inner[] = {
		{ "memory_max", JSON_KIND_INTEGER, false, 0, INT64_MAX, &memory, NULL },
	};

	json_t *root = json_parse((const char *)data, size, &err);
	if (root == NULL) {
		require(err.code != 0 && err.message[0] != '\0');
		goto answer;
	}
	if (json_read(root, "", fields, sizeof fields / sizeof *fields, &err) == -1)
		goto answer;
	require(name[0] != '\0' && strlen(name) <= 63 && strlen(note) <= 16 && count >= -10 && count <= 10);
	for (size_t i = 0; i < json_array_size(list); i++) {
		char element[9];
		if (json_read_string(json_array_get(list, i), "list[]", 0, 8, element, &err) == -1)
			goto answer;
		require(strlen(element) <= 8);
	}
	if (limits != NULL)
		(void)json_read(limits, "limits", inner, 1, &err);
answer:
	json_decref(root);
	/* What goes back to the sender must be text that JSON can carry. */
	json_t *message = json_string(err.message), *field = json_string(err.field);
	require(message != NULL && field != NULL);
	json_decref(message);
	json_decref(field);
	return 0;
}
