/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json: reading objects by a table. The caller lists the keys; anything else is
 * an error that names its path ("limits.memory_max"). Parsing refuses duplicate
 * keys and nesting deeper than jansson's limit (2048, its JSON_PARSER_MAX_DEPTH).
 */
#ifndef BULKHEAD_JSON_H
#define BULKHEAD_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

static inline void json_cleanup(json_t **json)
{
	json_decref(*json);
}

/* Drops the reference at the end of the scope; takes NULL. */
#define cleanup_json __attribute__((cleanup(json_cleanup)))

enum json_kind {
	JSON_KIND_STRING,  /* out: char[max + 1]; min..max bytes, no control characters */
	JSON_KIND_TEXT,    /* the same, and lines may end (\n, \r\n) */
	JSON_KIND_INTEGER, /* out: int64_t; min..max */
	JSON_KIND_BOOLEAN, /* out: bool */
	JSON_KIND_ARRAY,   /* out: json_t *, borrowed; min..max elements */
	JSON_KIND_OBJECT,  /* out: json_t *, borrowed */
};

struct json_field {
	const char *key;
	enum json_kind kind;
	bool required;
	int64_t min, max;
	void *out;      /* left as it is when the key is absent */
	bool *present;  /* may be NULL */
};

/* First of all, in a process whose documents hold passwords: memory of JSON is wiped when it is freed. */
void json_wipe(void);

/*
 * Parses text as one JSON object. NULL with err (EINVAL, line and column in the
 * message) if it is anything else. The caller has the reference.
 */
json_t *json_parse(const char *text, size_t size, struct error *err);

/* The same of a whole file of at most max bytes that another process handed over, from its beginning (EBADMSG: none, or larger). */
json_t *json_read_fd(int fd, size_t max, struct error *err);

/* The other way: object as a file in memory, to be handed over (fd_memory()). -1 with err, also for an object that could not be made: NULL. */
int json_memory(const char *what, const json_t *object, struct error *err);

/*
 * Reads object by the table. path is put before keys in error messages ("" at
 * the top). null is treated as a wrong type. Returns 0 or -1 with err->field set;
 * out values may be partly written then.
 */
int json_read(json_t *object, const char *path, const struct json_field *fields, size_t count, struct error *err);

/* Takes key out if it is null: what is shown so can be written back. For before json_read(). */
void json_drop_null(json_t *object, const char *key);

/* "2026-12-31T23:59:59Z" (RFC 3339, UTC, whole seconds), in ms since 1970; "": 0. */
int json_time(const char *text, const char *field, int64_t *ret_ms, struct error *err);

/* A string, or null for an empty one. */
json_t *json_text_or_null(const char *text);

/* A list of strings of words with a NUL behind each, size bytes together. */
json_t *json_words(const char *words, size_t size);

/* Reads one element of an array as a string of min..max bytes into out[max + 1]. */
int json_read_string(json_t *value, const char *path, size_t min, size_t max, char *out, struct error *err);

#endif
