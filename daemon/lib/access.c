/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/access.h"

#include <stdio.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

static int list_read(json_t *array, const char *key, struct access_list *list, struct error *err)
{
	char field[32], text[64];
	struct error why = ERROR_INIT;

	list->limited = array != NULL;
	for (size_t i = 0; i < json_array_size(array); i++) {
		snprintf(field, sizeof field, "%s[%zu]", key, i);
		if (json_read_string(json_array_get(array, i), field, 1, sizeof text - 1, text, err) == -1)
			return -1;
		if (cidr_parse(text, &list->addresses[i], &why) == -1)
			return error_field(err, field, "%s: %s", field, why.message);
		list->count++;
	}
	return 0;
}

int access_read(json_t *object, struct access *ret_access, struct error *err)
{
	json_t *ssh = NULL, *api = NULL;
	const struct json_field fields[] = {
		{ "ssh", JSON_KIND_ARRAY, false, 1, ACCESS_ADDRESSES_MAX, &ssh, NULL },
		{ "api", JSON_KIND_ARRAY, false, 1, ACCESS_ADDRESSES_MAX, &api, NULL },
	};

	*ret_access = (struct access){ 0 };
	json_drop_null(object, "ssh");
	json_drop_null(object, "api");
	if (json_read(object, "", fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	return list_read(ssh, "ssh", &ret_access->ssh, err) == -1 || list_read(api, "api", &ret_access->api, err) == -1 ? -1 : 0;
}

static json_t *list_json(const struct access_list *list)
{
	json_t *array = json_array();
	char text[CIDR_TEXT];

	if (!list->limited) {
		json_decref(array);
		return json_null();
	}
	for (size_t i = 0; i < list->count; i++) {
		cidr_format(&list->addresses[i], text);
		json_array_append_new(array, json_string(text));
	}
	return array;
}

json_t *access_json(const struct access *access)
{
	return json_pack("{s:o, s:o}", "ssh", list_json(&access->ssh), "api", list_json(&access->api));
}

bool access_allows(const struct access_list *list, const struct cidr *address)
{
	for (size_t i = 0; i < list->count; i++)
		if (cidr_holds(&list->addresses[i], address))
			return true;
	return !list->limited;
}
