/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_permissions: documents of who may use URLs. What was read has a normal form, which reads the same; and paths. */
// link: daemon/lib/permissions.c daemon/lib/condition.c daemon/lib/path.c -lcrypto
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/path.h"
#include "daemon/lib/permissions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The normal form has passwords in plain until they are hashed. */
static bool password_drop(const char *group, json_t *condition, void *data)
{
	(void)group;
	(void)data;
	if (json_object_get(condition, "password") != NULL) {
		json_object_del(condition, "password");
		json_object_set_new(condition, "hash", json_string("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg"));
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct permissions permissions, again;
	struct error err = ERROR_INIT;
	json_t *normal = NULL, *second = NULL;
	char path[512];

	if (path_normal((const char *)data, size, path, sizeof path) && (path[0] != '/' || strstr(path, "//") != NULL || strstr(path, "/../") != NULL))
		abort();
	json_t *object = json_parse((const char *)data, size, &err);
	if (object == NULL)
		return 0;
	if (permissions_read(object, &permissions, &normal, &err) == 0) {
		permissions_walk(normal, password_drop, NULL);
		if (permissions_read(normal, &again, &second, &err) == -1 || again.group_count != permissions.group_count ||
		    permissions_empty(&again) != permissions_empty(&permissions))
			abort();
		permissions_free(&again);
		permissions_free(&permissions);
		json_decref(second);
		json_decref(normal);
	}
	json_decref(object);
	return 0;
}
