/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/json.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

static void wiping_free(void *memory)
{
	if (memory != NULL)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

void json_wipe(void)
{
	json_set_alloc_funcs(malloc, wiping_free);
}

json_t *json_parse(const char *text, size_t size, struct error *err)
{
	json_error_t detail;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &detail);

	if (root == NULL) {
		error_field(err, "", "not valid JSON: line %d, column %d: %s", detail.line, detail.column, detail.text);
		return NULL;
	}
	if (!json_is_object(root)) {
		json_decref(root);
		error_field(err, "", "not a JSON object");
		return NULL;
	}
	return root;
}

json_t *json_read_fd(int fd, size_t max, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t size;

	return fd_memory_read(fd, max, &text, &size, err) == -1 ? NULL : json_parse(text, size, err);
}

int json_memory(const char *what, const json_t *object, struct error *err)
{
	cleanup_free char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);

	if (text == NULL)
		return error_set(err, ENOMEM, "no memory for a file of %s", what);
	return fd_memory(what, text, strlen(text), err);
}

void json_drop_null(json_t *object, const char *key)
{
	if (json_is_null(json_object_get(object, key)))
		json_object_del(object, key);
}

static void path_join(char *out, size_t room, const char *path, const char *key)
{
	snprintf(out, room, "%s%s%s", path, *path == '\0' ? "" : ".", key);
	text_mend(out);
}

static int text_read(json_t *value, const char *path, size_t min, size_t max, const char *allowed, char *out, struct error *err)
{
	if (!json_is_string(value))
		return error_field(err, path, "%s must be a string", path);

	const char *text = json_string_value(value);
	size_t size = json_string_length(value);
	if (size < min || size > max)
		return error_field(err, path, "%s must have %zu to %zu bytes, not %zu", path, min, max, size);
	/* Also a NUL inside, which would cut the C string short. */
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)text[i] < ' ' && (text[i] == '\0' || strchr(allowed, text[i]) == NULL)) || text[i] == 0x7f)
			return error_field(err, path, "%s has a control character at byte %zu", path, i);
	memcpy(out, text, size + 1);
	return 0;
}

int json_read_string(json_t *value, const char *path, size_t min, size_t max, char *out, struct error *err)
{
	return text_read(value, path, min, max, "", out, err);
}

static int field_read(json_t *value, const char *path, const struct json_field *field, struct error *err)
{
	switch (field->kind) {
	case JSON_KIND_STRING:
		return json_read_string(value, path, (size_t)field->min, (size_t)field->max, field->out, err);
	case JSON_KIND_TEXT:
		return text_read(value, path, (size_t)field->min, (size_t)field->max, "\r\n", field->out, err);
	case JSON_KIND_INTEGER: {
		if (!json_is_integer(value))
			return error_field(err, path, "%s must be a whole number", path);
		json_int_t number = json_integer_value(value);
		if (number < field->min || number > field->max)
			return error_field(err, path, "%s must be from %lld to %lld, not %lld", path,
					   (long long)field->min, (long long)field->max, (long long)number);
		*(int64_t *)field->out = number;
		return 0;
	}
	case JSON_KIND_BOOLEAN:
		if (!json_is_boolean(value))
			return error_field(err, path, "%s must be true or false", path);
		*(bool *)field->out = json_is_true(value);
		return 0;
	case JSON_KIND_ARRAY: {
		if (!json_is_array(value))
			return error_field(err, path, "%s must be a list", path);
		int64_t size = (int64_t)json_array_size(value);
		if (size < field->min || size > field->max)
			return error_field(err, path, "%s must have %lld to %lld elements, not %lld", path,
					   (long long)field->min, (long long)field->max, (long long)size);
		*(json_t **)field->out = value;
		return 0;
	}
	case JSON_KIND_OBJECT:
		if (!json_is_object(value))
			return error_field(err, path, "%s must be an object", path);
		*(json_t **)field->out = value;
		return 0;
	}
	return error_field(err, path, "%s has no reader", path); /* not reached: every kind returns */
}

static const struct json_field *field_find(const struct json_field *fields, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].key, key) == 0)
			return &fields[i];
	return NULL;
}

int json_read(json_t *object, const char *path, const struct json_field *fields, size_t count, struct error *err)
{
	char where[sizeof err->field];
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return error_field(err, path, "%s must be an object", *path == '\0' ? "the document" : path);

	/* Unknown keys first: a misspelt key explains the missing one better. */
	json_object_foreach(object, key, value) {
		if (field_find(fields, count, key) == NULL) {
			path_join(where, sizeof where, path, key);
			return error_field(err, where, "%s is not a known key", where);
		}
	}
	for (size_t i = 0; i < count; i++) {
		path_join(where, sizeof where, path, fields[i].key);
		value = json_object_get(object, fields[i].key);
		if (fields[i].present != NULL)
			*fields[i].present = value != NULL;
		if (value == NULL && fields[i].required)
			return error_field(err, where, "%s is missing", where);
		if (value != NULL && field_read(value, where, &fields[i], err) == -1)
			return -1;
	}
	return 0;
}

json_t *json_text_or_null(const char *text)
{
	return *text == '\0' ? json_null() : json_string(text);
}

json_t *json_words(const char *words, size_t size)
{
	json_t *list = json_array();

	for (size_t at = 0; list != NULL && at < size; at += strlen(words + at) + 1)
		json_array_append_new(list, json_string(words + at));
	return list;
}

int json_time(const char *text, const char *field, int64_t *ret_ms, struct error *err)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	*ret_ms = 0;
	if (text[0] == '\0')
		return 0;
	if (end == NULL || *end != '\0')
		return error_field(err, field, "%s is not a time such as 2026-12-31T23:59:59Z", field);
	*ret_ms = (int64_t)timegm(&tm) * 1000;
	return 0;
}
