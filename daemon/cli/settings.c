/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/json.h"
#include "daemon/lib/secret.h"

enum { FILE_MAX = 16 * 1024, VALUE_MAX = 1024 };

/* An option's value wins; the file's is kept in memory of its own. */
static int value_take(const char **value, char **kept, const char *text, struct error *err)
{
	if (*value != NULL || text[0] == '\0')
		return 0;
	*kept = strdup(text);
	if (*kept == NULL)
		return error_set(err, ENOMEM, "out of memory");
	*value = *kept;
	return 0;
}

static int file_load(struct settings *settings, struct error *err)
{
	static char server[VALUE_MAX + 1], token_file[VALUE_MAX + 1], ca[VALUE_MAX + 1], connect[VALUE_MAX + 1];
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	const struct json_field fields[] = {
		{ "server", JSON_KIND_STRING, .min = 1, .max = VALUE_MAX, .out = server },
		{ "token_file", JSON_KIND_STRING, .min = 1, .max = VALUE_MAX, .out = token_file },
		{ "ca", JSON_KIND_STRING, .min = 1, .max = VALUE_MAX, .out = ca },
		{ "connect", JSON_KIND_STRING, .min = 1, .max = VALUE_MAX, .out = connect },
	};
	cleanup_free char *text = NULL;
	char path[2048];
	size_t size;

	if ((base == NULL || base[0] == '\0') && home == NULL)
		return 0;
	snprintf(path, sizeof path, "%s%s/bulkhead/client.json", base != NULL && base[0] != '\0' ? base : home,
		 base != NULL && base[0] != '\0' ? "" : "/.config");
	if (file_read(path, FILE_MAX, &text, &size, err) < 0)
		return err->code == ENOENT ? 0 : -1;
	json_t *root = json_parse(text, size, err);
	int result = root == NULL ? -1 : json_read(root, "", fields, sizeof fields / sizeof *fields, err);
	json_decref(root);
	if (result < 0)
		return error_wrap(err, "%s", path);
	if (value_take(&settings->server, &settings->kept[0], server, err) < 0 ||
	    value_take(&settings->token_file, &settings->kept[1], token_file, err) < 0 ||
	    value_take(&settings->ca, &settings->kept[2], ca, err) < 0 ||
	    value_take(&settings->connect, &settings->kept[3], connect, err) < 0)
		return -1;
	return 0;
}

int settings_complete(struct settings *settings, struct error *err)
{
	const char *server = getenv("BULKHEAD_SERVER"), *token_file = getenv("BULKHEAD_TOKEN_FILE");

	if (settings->server == NULL)
		settings->server = server;
	if (settings->token_file == NULL)
		settings->token_file = token_file;
	if (file_load(settings, err) < 0)
		return -1;
	*err = (struct error)ERROR_INIT; /* without that file, too */
	if (settings->server == NULL)
		return error_set(err, EINVAL, "which host? Give --server https://api.<domain>");
	/* The token must not travel in clear. */
	if (strncmp(settings->server, "https://", 8) != 0 || strpbrk(settings->server, " \t\r\n") != NULL)
		return error_set(err, EINVAL, "not an https address: %s", settings->server);
	if (settings->token_file == NULL)
		return error_set(err, EINVAL,
				 "no token: make one with `ssh root@HOST token create --role admin > FILE` and give --token-file FILE");

	cleanup_fd int fd = open(settings->token_file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "%s", settings->token_file);
	settings->token = secret_new(SECRET_MAX, err);
	if (settings->token == NULL || secret_read(settings->token, fd, err) < 0)
		return error_wrap(err, "%s", settings->token_file);
	if (!hex_valid(settings->token->data, 2 * TOKEN_BYTES))
		return error_set(err, EINVAL, "%s does not hold a token: %d hex digits", settings->token_file, 2 * TOKEN_BYTES);
	return 0;
}

void settings_clear(struct settings *settings)
{
	secret_free(settings->token);
	for (size_t i = 0; i < sizeof settings->kept / sizeof *settings->kept; i++)
		free(settings->kept[i]);
	*settings = (struct settings){ 0 };
}
