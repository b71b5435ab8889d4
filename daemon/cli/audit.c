/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/audit.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cli/call.h"
#include "daemon/cli/http.h"
#include "daemon/cli/resource.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

enum { URL_MAX = 4096, LOG_MAX = 64, KEY_MAX = 32 };

/* The address of what is wanted of a log, with KEY=VALUE as its query. */
static int url_make(char url[URL_MAX], const char *what, int count, char **words, struct error *err)
{
	char escaped[3 * 1024];
	size_t used;

	if (count < 1)
		return error_set(err, EINVAL, "%s", "");
	if (!call_escape(words[0], escaped, 3 * LOG_MAX))
		return error_set(err, EINVAL, "%s is no log", words[0]);
	if (strcmp(words[0], "host") == 0)
		used = (size_t)snprintf(url, URL_MAX, "/api/v1/host/audit%s", what);
	else
		used = (size_t)snprintf(url, URL_MAX, "/api/v1/realms/%s/audit%s", escaped, what);
	for (int i = 1; i < count; i++) {
		const char *equals = strchr(words[i], '=');
		if (equals == NULL || equals == words[i] || equals - words[i] > KEY_MAX)
			return error_set(err, EINVAL, "not KEY=VALUE: %s", words[i]);
		if (!call_escape(equals + 1, escaped, sizeof escaped))
			return error_set(err, EINVAL, "%s is too long", words[i]);
		used += (size_t)snprintf(url + used, URL_MAX - used, "%c%.*s=%s", i == 1 ? '?' : '&', (int)(equals - words[i]), words[i], escaped);
		if (used >= URL_MAX)
			return error_set(err, EINVAL, "the words are too long together");
	}
	return 0;
}

static void print(json_t *answer)
{
	json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
}

static int ask(const struct http_target *target, const char *what, int count, char **words, struct error *err)
{
	cleanup_json json_t *answer = NULL;
	char url[URL_MAX];

	if (url_make(url, what, count, words, err) < 0 || call_json(target, "GET", url, NULL, &answer, err) < 0)
		return -1;
	print(answer);
	return 0;
}

int audit_show(const struct http_target *target, int count, char **words, struct error *err)
{
	return ask(target, "", count, words, err);
}

int audit_list(const struct http_target *target, int count, char **words, struct error *err)
{
	return ask(target, "/records", count, words, err);
}

int audit_statistics(const struct http_target *target, int count, char **words, struct error *err)
{
	return ask(target, "/statistics", count, words, err);
}

int audit_verify(const struct http_target *target, int count, char **words, struct error *err)
{
	cleanup_json json_t *answer = NULL;
	char url[URL_MAX];

	if (url_make(url, "/verify", count, words, err) < 0 || call_json(target, "GET", url, NULL, &answer, err) < 0)
		return -1;
	print(answer);
	if (json_is_true(json_object_get(answer, "intact")))
		return 0;
	return error_set(err, EBADMSG, "the log is not as it was written: %s", json_string_value(json_object_get(answer, "problem")));
}

int audit_change(const struct http_target *target, int count, char **words, struct error *err)
{
	cleanup_json json_t *body = json_object(), *answer = NULL;
	char url[URL_MAX];

	if (count < 2)
		return error_set(err, EINVAL, "%s", "");
	if (resource_fields(body, count - 1, words + 1, err) < 0 || url_make(url, "", 1, words, err) < 0 ||
	    call_json(target, "PATCH", url, body, &answer, err) < 0)
		return -1;
	print(answer);
	return 0;
}

int audit_export(const struct http_target *target, int count, char **words, struct error *err)
{
	json_int_t after = 0;
	char url[URL_MAX];
	bool more = true;

	/* A place to begin at is not for each part. */
	for (int i = 1; i < count; i++) {
		if (strncmp(words[i], "after=", 6) != 0)
			continue;
		char *end;
		after = strtoll(words[i] + 6, &end, 10);
		if (words[i][6] < '0' || words[i][6] > '9' || *end != '\0')
			return error_set(err, EINVAL, "%s: not the seq of a record", words[i]);
		words[i--] = words[--count];
	}
	while (more) {
		cleanup_json json_t *answer = NULL;
		json_t *record;
		size_t index;
		if (url_make(url, "/records", count, words, err) < 0)
			return -1;
		size_t used = strlen(url);
		if ((size_t)snprintf(url + used, sizeof url - used, "%corder=oldest&limit=1000&after=%lld", count > 1 ? '&' : '?', (long long)after) >= sizeof url - used)
			return error_set(err, EINVAL, "the words are too long together");
		if (call_json(target, "GET", url, NULL, &answer, err) < 0)
			return -1;
		json_array_foreach(json_object_get(answer, "records"), index, record) {
			json_dumpf(record, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
			putchar('\n');
			after = json_integer_value(json_object_get(record, "seq"));
		}
		json_t *next = json_object_get(answer, "next");
		more = json_is_integer(next);
		if (more)
			after = json_integer_value(next);
	}
	if (fflush(stdout) == EOF)
		return error_errno(err, "cannot write records");
	fprintf(stderr, "the next export goes on with after=%lld\n", (long long)after);
	return 0;
}
