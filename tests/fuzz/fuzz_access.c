/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_access: who administers the host, as a client or a file says; what was taken has a normal form, and holds its own networks. */
#include <stdint.h>
#include <stdlib.h>

#include "daemon/lib/access.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void list_check(const struct access_list *list)
{
	if (list->limited != (list->count > 0))
		abort();
	for (size_t i = 0; i < list->count; i++)
		if (!access_allows(list, &list->addresses[i]))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct access access, again;

	json_t *object = json_parse((const char *)data, size, &err);
	if (object == NULL)
		return 0;
	if (access_read(object, &access, &err) == 0) {
		json_t *normal = access_json(&access);
		if (normal == NULL || access_read(normal, &again, &err) == -1)
			abort();
		json_t *second = access_json(&again);
		list_check(&again.ssh);
		list_check(&again.api);
		json_decref(normal);
		normal = access_json(&access);
		if (!json_equal(normal, second))
			abort();
		json_decref(second);
		json_decref(normal);
	}
	json_decref(object);
	return 0;
}
