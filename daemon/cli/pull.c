/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/pull.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/cli/call.h"
#include "daemon/cli/progress.h"
#include "daemon/cli/prompt.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/secret.h"

enum { CA_MAX = 16384, ID_MAX = 64, POLL_MS = 500 };

/* Puts what the words cannot hold in place: the certificates themselves, and the password. */
static int fields_complete(json_t *fields, struct error *err)
{
	const char *ca = json_string_value(json_object_get(fields, "ca"));
	cleanup_free char *text = NULL;

	if (json_object_get(fields, "password") != NULL)
		return error_set(err, EINVAL, "a password on the command line is seen by others: give username=USER, and it is asked for");
	if (ca != NULL && (file_read(ca, CA_MAX, &text, NULL, err) < 0 ||
			   json_object_set_new(fields, "ca", json_string(text)) < 0))
		return error_wrap(err, "ca");
	if (json_object_get(fields, "username") == NULL)
		return 0;
	cleanup_secret struct secret *password = secret_new(SECRET_MAX, err);
	if (password == NULL || prompt_secret("Password: ", NULL, password, err) < 0)
		return -1;
	if (json_object_set_new(fields, "password", json_stringn(password->data, password->size)) < 0)
		return error_set(err, EINVAL, "the password is not valid UTF-8");
	return 0;
}

static uint64_t number(json_t *pull, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(pull, key));
}

static bool state_is(json_t *pull, const char *state)
{
	const char *text = json_string_value(json_object_get(pull, "state"));

	return text != NULL && strcmp(text, state) == 0;
}

/* A path with the text of a key behind it; the server's ids need no escaping, but it could be anybody. */
static int path_make(char *path, size_t size, const char *folder, json_t *object, const char *key, struct error *err)
{
	char id[ID_MAX];
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL || !call_escape(text, id, sizeof id))
		return error_set(err, EPROTO, "the server's answer has no %s", key);
	snprintf(path, size, "/api/v1/%s/%s", folder, id);
	return 0;
}

static int pull_follow(const struct http_target *target, const char *path, json_t **pull, struct error *err)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };
	struct progress progress;
	bool shown = false, unpacking = false;

	while (!state_is(*pull, "done") && !state_is(*pull, "failed")) {
		if (!shown && number(*pull, "bytes_total") > 0) {
			progress_start(&progress, "fetching", number(*pull, "bytes_total"));
			shown = true;
		}
		if (shown && !unpacking)
			progress_update(&progress, number(*pull, "bytes"));
		if (!unpacking && state_is(*pull, "unpacking")) {
			if (shown)
				progress_end(&progress);
			fputs("unpacking\n", stderr);
			unpacking = true;
		}
		nanosleep(&pause, NULL);
		json_decref(*pull);
		*pull = NULL;
		if (call_json(target, "GET", path, NULL, pull, err) < 0)
			return error_wrap(err, "the pull goes on, but %s does not answer", path);
	}
	if (shown && !unpacking)
		progress_end(&progress);
	return 0;
}

int pull_image(const struct http_target *target, json_t *fields, json_t **ret_answer, struct error *err)
{
	cleanup_json json_t *pull = NULL;
	char path[sizeof "/api/v1/images/" + ID_MAX];

	if (fields_complete(fields, err) < 0 || call_json(target, "POST", "/api/v1/pulls", fields, &pull, err) < 0 ||
	    path_make(path, sizeof path, "pulls", pull, "id", err) < 0 || pull_follow(target, path, &pull, err) < 0)
		return -1;
	if (state_is(pull, "failed")) {
		const char *text = json_string_value(json_object_get(json_object_get(pull, "error"), "message"));
		return error_set(err, EIO, "not pulled: %s", text == NULL ? "the server does not say why" : text);
	}
	if (path_make(path, sizeof path, "images", pull, "image", err) < 0)
		return -1;
	return call_json(target, "GET", path, NULL, ret_answer, err);
}
