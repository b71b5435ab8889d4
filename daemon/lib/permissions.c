/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/permissions.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/condition.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/path.h"

enum { FIELD_TEXT = 128 };

/* -- groups -- */

struct reading {
	size_t conditions; /* of the group so far */
	struct error *err;
};

static int requirement_read(struct reading *reading, json_t *value, const char *path, int depth, struct requirement *out);

static int parts_read(struct reading *reading, json_t *list, const char *path, int depth, struct requirement *out)
{
	char field[FIELD_TEXT];

	if (json_array_size(list) == 0)
		return error_field(reading->err, path, "%s is an empty list", path);
	out->parts = calloc(json_array_size(list), sizeof *out->parts);
	if (out->parts == NULL)
		return error_set(reading->err, ENOMEM, "no memory for permissions");
	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(field, sizeof field, "%.100s[%zu]", path, i);
		out->part_count = i + 1;
		if (requirement_read(reading, json_array_get(list, i), field, depth + 1, &out->parts[i]) == -1)
			return -1;
	}
	return 0;
}

static int requirement_read(struct reading *reading, json_t *value, const char *path, int depth, struct requirement *out)
{
	json_t *any = json_object_get(value, "any"), *all = json_object_get(value, "all");
	char field[FIELD_TEXT];

	if (depth > GROUP_DEPTH_MAX)
		return error_field(reading->err, path, "%s is nested more than %d deep", path, GROUP_DEPTH_MAX);
	if (json_is_array(value)) {
		out->kind = REQUIREMENT_ANY;
		return parts_read(reading, value, path, depth, out);
	}
	if (json_object_size(value) == 1 && (json_is_array(any) || json_is_array(all))) {
		out->kind = any != NULL ? REQUIREMENT_ANY : REQUIREMENT_ALL;
		snprintf(field, sizeof field, "%.100s.%s", path, any != NULL ? "any" : "all");
		return parts_read(reading, any != NULL ? any : all, field, depth, out);
	}
	if (!json_is_object(value))
		return error_field(reading->err, path, "%s is no condition: an object with a type, a list of them, or {\"all\": [...]}", path);
	if (++reading->conditions > CONDITIONS_MAX)
		return error_field(reading->err, path, "%s is beyond the %d conditions that a group may have", path, CONDITIONS_MAX);
	out->kind = REQUIREMENT_CONDITION;
	out->condition = calloc(1, sizeof *out->condition);
	if (out->condition == NULL)
		return error_set(reading->err, ENOMEM, "no memory for permissions");
	return condition_read(value, path, out->condition, reading->err);
}

static void requirement_free(struct requirement *requirement)
{
	for (size_t i = 0; i < requirement->part_count; i++)
		requirement_free(&requirement->parts[i]);
	free(requirement->parts);
	if (requirement->condition != NULL)
		condition_free(requirement->condition);
	free(requirement->condition);
}

/* -- what they may use -- */

static bool service_valid(const char *name)
{
	size_t size = strlen(name);

	if (strcmp(name, "*") == 0)
		return true;
	if (size == 0 || size >= SERVICE_TEXT || name[0] == '-' || name[size - 1] == '-')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

static bool method_valid(const char *name)
{
	return *name != '\0' && strlen(name) <= METHOD_MAX && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == strlen(name);
}

/* A list of strings of one size each. */
static int texts_read(json_t *list, const char *path, size_t max, size_t width, bool (*valid)(const char *), const char *what, void **ret_texts,
		      size_t *ret_count, struct error *err)
{
	char field[FIELD_TEXT];

	if (list == NULL)
		return 0;
	if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > max)
		return error_field(err, path, "%s is not a list of 1 to %zu %s", path, max, what);
	char *texts = calloc(json_array_size(list), width);
	if (texts == NULL)
		return error_set(err, ENOMEM, "no memory for permissions");
	*ret_texts = texts;
	*ret_count = json_array_size(list);
	for (size_t i = 0; i < *ret_count; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		snprintf(field, sizeof field, "%.100s[%zu]", path, i);
		if (text == NULL || strlen(text) >= width || !valid(text))
			return error_field(err, field, "%s is not one of %s", field, what);
		snprintf(texts + i * width, width, "%s", text);
	}
	return 0;
}

static int grant_limit(json_t *value, const char *path, struct grant *grant, struct error *err)
{
	json_t *methods = json_object_get(value, "methods"), *paths = json_object_get(value, "paths");
	char field[FIELD_TEXT];

	if (json_object_size(value) != (size_t)(methods != NULL) + (paths != NULL))
		return error_field(err, path, "%s has keys beside methods and paths", path);
	snprintf(field, sizeof field, "%.100s.methods", path);
	if (texts_read(methods, field, GRANT_METHODS_MAX, sizeof grant->methods[0], method_valid, "methods, in capitals", (void **)&grant->methods,
		       &grant->method_count, err) == -1)
		return -1;
	snprintf(field, sizeof field, "%.100s.paths", path);
	return texts_read(paths, field, GRANT_PATHS_MAX, sizeof grant->paths[0], path_pattern_valid, "paths in their plain form, like /docs/*",
			  (void **)&grant->paths, &grant->path_count, err);
}

/* One ACCESS of a service, which is perhaps a list of them. */
static int access_read_one(struct group *group, const char *service, json_t *value, const char *path, int depth, struct error *err)
{
	char field[FIELD_TEXT];

	if (json_is_false(value))
		return 0;
	for (size_t i = 0; json_is_array(value) && depth == 0 && i < json_array_size(value); i++) {
		snprintf(field, sizeof field, "%.100s[%zu]", path, i);
		if (access_read_one(group, service, json_array_get(value, i), field, 1, err) == -1)
			return -1;
	}
	if (json_is_array(value) && depth == 0)
		return 0;
	if (!json_is_true(value) && !json_is_object(value))
		return error_field(err, path, "%s is not true, false, an object with methods or paths, or a list of these", path);
	if (group->grant_count == GRANTS_MAX)
		return error_field(err, path, "%s is beyond the %d that a group may have", path, GRANTS_MAX);
	struct grant *more = reallocarray(group->grants, group->grant_count + 1, sizeof *more);
	if (more == NULL)
		return error_set(err, ENOMEM, "no memory for permissions");
	group->grants = more;
	struct grant *grant = &more[group->grant_count++];
	*grant = (struct grant){ 0 };
	snprintf(grant->service, sizeof grant->service, "%s", service);
	return json_is_object(value) ? grant_limit(value, path, grant, err) : 0;
}

static int grants_read(struct group *group, json_t *value, struct error *err)
{
	const char *service;
	char path[FIELD_TEXT];
	json_t *access;

	snprintf(path, sizeof path, "permissions.%s", group->name);
	if (!json_is_object(value))
		return error_field(err, path, "%s is not an object of services", path);
	json_object_foreach(value, service, access) {
		if (!service_valid(service))
			return error_field(err, path, "%s names something that is no service's name, no port and not *", path);
		snprintf(path, sizeof path, "permissions.%s.%s", group->name, service);
		if (access_read_one(group, service, access, path, 0, err) == -1)
			return -1;
		snprintf(path, sizeof path, "permissions.%s", group->name);
	}
	group->permitted = true;
	return 0;
}

/* -- the document -- */

static bool name_valid(const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > GROUP_NAME_MAX)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
			return false;
	return true;
}

static struct group *group_get(struct permissions *permissions, const char *name)
{
	for (size_t i = 0; i < permissions->group_count; i++)
		if (strcmp(permissions->groups[i].name, name) == 0)
			return &permissions->groups[i];
	if (permissions->group_count == 2 * GROUPS_MAX)
		return NULL; /* both lists are checked: cannot happen */
	struct group *group = &permissions->groups[permissions->group_count++];
	snprintf(group->name, sizeof group->name, "%s", name);
	return group;
}

static int group_compare(const void *a, const void *b)
{
	return strcmp(((const struct group *)a)->name, ((const struct group *)b)->name);
}

static int names_check(json_t *object, const char *key, struct error *err)
{
	const char *name;
	json_t *ignored;

	if (json_object_size(object) > GROUPS_MAX)
		return error_field(err, key, "%s has more than %d groups", key, GROUPS_MAX);
	json_object_foreach(object, name, ignored)
		if (!name_valid(name))
			return error_field(err, key, "%s has a group whose name is not of 1 to %d letters, digits, _ and -", key, GROUP_NAME_MAX);
	return 0;
}

static int document_fill(struct permissions *permissions, json_t *groups, json_t *grants, struct error *err)
{
	char path[FIELD_TEXT];
	const char *name;
	json_t *value;

	permissions->groups = calloc(2 * GROUPS_MAX, sizeof *permissions->groups);
	if (permissions->groups == NULL)
		return error_set(err, ENOMEM, "no memory for permissions");
	json_object_foreach(groups, name, value) {
		struct reading reading = { .err = err };
		struct group *group = group_get(permissions, name);
		snprintf(path, sizeof path, "groups.%s", name);
		group->defined = true;
		if (requirement_read(&reading, value, path, 0, &group->requirement) == -1)
			return -1;
	}
	json_object_foreach(grants, name, value)
		if (grants_read(group_get(permissions, name), value, err) == -1)
			return -1;
	qsort(permissions->groups, permissions->group_count, sizeof *permissions->groups, group_compare);
	return 0;
}

static int fallback_read(const char *text, bool groups, enum fallback *ret_fallback, struct error *err)
{
	if (text[0] == '\0')
		*ret_fallback = groups ? FALLBACK_DENY : FALLBACK_UNSAID;
	else if (strcmp(text, "allow") == 0)
		*ret_fallback = FALLBACK_ALLOW;
	else if (strcmp(text, "deny") == 0)
		*ret_fallback = FALLBACK_DENY;
	else
		return error_field(err, "default", "default is not allow, deny or null");
	return 0;
}

static json_t *object_or_empty(json_t *object)
{
	return object == NULL ? json_object() : json_incref(object);
}

int permissions_read(json_t *document, struct permissions *ret_permissions, json_t **ret_normal, struct error *err)
{
	struct permissions permissions = { 0 };
	json_t *groups = NULL, *grants = NULL;
	bool enabled = true;
	char fallback[8] = "";
	const struct json_field fields[] = {
		{ "groups", JSON_KIND_OBJECT, false, 0, 0, &groups, NULL },
		{ "permissions", JSON_KIND_OBJECT, false, 0, 0, &grants, NULL },
		{ "default", JSON_KIND_STRING, false, 1, sizeof fallback - 1, fallback, NULL },
		{ "enable_proxy", JSON_KIND_BOOLEAN, false, 0, 0, &enabled, NULL },
	};

	json_drop_null(document, "default");
	if (json_read(document, "", fields, sizeof fields / sizeof fields[0], err) == -1 || names_check(groups, "groups", err) == -1 ||
	    names_check(grants, "permissions", err) == -1 || fallback_read(fallback, json_object_size(groups) > 0, &permissions.fallback, err) == -1)
		return -1;
	permissions.cut = !enabled;
	if (document_fill(&permissions, groups, grants, err) == -1) {
		permissions_free(&permissions);
		return -1;
	}
	/* condition_read() has made the conditions normal where they are. */
	if (ret_normal != NULL)
		*ret_normal = json_pack("{s:o, s:o, s:o, s:b}", "groups", object_or_empty(groups), "permissions", object_or_empty(grants), "default",
					json_text_or_null(fallback), "enable_proxy", (int)enabled);
	*ret_permissions = permissions;
	return 0;
}

void permissions_free(struct permissions *permissions)
{
	for (size_t i = 0; i < permissions->group_count; i++) {
		struct group *group = &permissions->groups[i];
		requirement_free(&group->requirement);
		for (size_t k = 0; k < group->grant_count; k++) {
			free(group->grants[k].methods);
			free(group->grants[k].paths);
		}
		free(group->grants);
	}
	free(permissions->groups);
	*permissions = (struct permissions){ 0 };
}

bool permissions_empty(const struct permissions *permissions)
{
	return permissions->group_count == 0 && permissions->fallback != FALLBACK_DENY && !permissions->cut;
}

const struct group *permissions_group(const struct permissions *permissions, const char *name)
{
	for (size_t i = 0; i < permissions->group_count; i++)
		if (strcmp(permissions->groups[i].name, name) == 0)
			return &permissions->groups[i];
	return NULL;
}

static bool walk(const char *group, json_t *value, permissions_walk_cb *cb, void *data)
{
	json_t *list = json_is_array(value) ? value : json_object_get(value, "any");

	if (list == NULL)
		list = json_object_get(value, "all");
	if (list == NULL)
		return cb(group, value, data);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!walk(group, json_array_get(list, i), cb, data))
			return false;
	return true;
}

bool permissions_walk(json_t *normal, permissions_walk_cb *cb, void *data)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(normal, "groups"), name, value)
		if (!walk(name, value, cb, data))
			return false;
	return true;
}
