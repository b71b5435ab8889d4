/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/cli/call.h"
#include "daemon/cli/http.h"
#include "daemon/cli/progress.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

enum { URL_MAX = 4096, ID_MAX = 128, CERTIFICATE_BYTES_MAX = 32 * 1024 };

/* The address of a file, and what is wanted of it: KEY=VALUE of keys, which stand between spaces. */
static int url_make(char url[URL_MAX], const char *id, const char *path, const char *keys, int count, char **words,
		    struct error *err)
{
	char escaped_id[3 * ID_MAX], escaped[URL_MAX / 2], key[32];

	if (!call_escape(id, escaped_id, sizeof escaped_id) || !call_escape(path, escaped, sizeof escaped))
		return error_set(err, EINVAL, "the id or the path is too long");
	int used = snprintf(url, URL_MAX, "/api/v1/containers/%s/files?path=%s", escaped_id, escaped);
	for (int i = 0; i < count; i++) {
		const char *equals = strchr(words[i], '=');
		if (equals == NULL || (size_t)snprintf(key, sizeof key, " %.*s ", (int)(equals - words[i]), words[i]) >= sizeof key ||
		    strstr(keys, key) == NULL)
			return error_set(err, EINVAL, "%s: it takes%sonly, as KEY=VALUE", words[i], keys);
		if (!call_escape(equals + 1, escaped, sizeof escaped) || used >= URL_MAX)
			return error_set(err, EINVAL, "%s is too long", words[i]);
		used += snprintf(url + used, (size_t)(URL_MAX - used), "&%.*s=%s", (int)(equals - words[i]), words[i], escaped);
	}
	return used >= URL_MAX ? error_set(err, EINVAL, "the words are too long together") : 0;
}

static int request_run(const struct http_target *target, const struct http_request *request, struct error *err)
{
	json_t *answer = NULL;

	if (call_request(target, request, &answer, err) < 0)
		return -1;
	json_decref(answer);
	return 0;
}

static int simple(const struct http_target *target, const char *method, const char *url, struct error *err)
{
	const struct http_request request = { .method = method, .path = url, .body_fd = -1, .reply_fd = -1 };

	return request_run(target, &request, err);
}

/* An answer into a file that has its name when all of it is there; NULL: to standard output. */
static int answer_take(const struct http_target *target, const char *url, const char *name, struct error *err)
{
	char part[PATH_MAX];

	if (name != NULL && snprintf(part, sizeof part, "%s.part", name) >= (int)sizeof part)
		return error_set(err, ENAMETOOLONG, "%s", name);
	cleanup_fd int fd = name == NULL ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
					 : open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_errno(err, "%s", name == NULL ? "standard output" : part);
	const struct http_request request = { .method = "GET", .path = url, .body_fd = -1, .reply_fd = fd };
	int result = request_run(target, &request, err);
	if (name == NULL)
		return result;
	if (result == 0 && (fsync(fd) < 0 || rename(part, name) < 0))
		result = error_errno(err, "%s", name);
	if (result < 0)
		(void)unlink(part);
	return result;
}

int file_pull(const struct http_target *target, int count, char **words, struct error *err)
{
	char url[URL_MAX];

	if (count < 2 || count > 3)
		return error_set(err, EINVAL, "%s", "");
	if (url_make(url, words[0], words[1], "", 0, NULL, err) < 0)
		return -1;
	return answer_take(target, url, count > 2 && strcmp(words[2], "-") != 0 ? words[2] : NULL, err);
}

static int export_take(const struct http_target *target, const char *kind, int count, char **words, struct error *err)
{
	char url[URL_MAX], id[3 * ID_MAX];

	if (count != 2 || !call_escape(words[0], id, sizeof id))
		return error_set(err, EINVAL, "%s", "");
	snprintf(url, sizeof url, "/api/v1/%s/%s/export", kind, id);
	return answer_take(target, url, strcmp(words[1], "-") != 0 ? words[1] : NULL, err);
}

int file_export_container(const struct http_target *target, int count, char **words, struct error *err)
{
	return export_take(target, "containers", count, words, err);
}

int file_export_snapshot(const struct http_target *target, int count, char **words, struct error *err)
{
	return export_take(target, "snapshots", count, words, err);
}

static void push_shown(uint64_t sent, uint64_t total, void *data)
{
	(void)total;
	progress_update(data, sent);
}

static int file_send(const struct http_target *target, const char *url, const char *type, const char *name, struct error *err)
{
	struct progress progress;
	struct stat st;
	cleanup_fd int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "%s", name);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s is not a file", name);
	progress_start(&progress, "sending", (uint64_t)st.st_size);
	const struct http_request request = {
		.method = "PUT", .path = url, .content_type = type, .body_fd = fd, .reply_fd = -1,
		.body_fd_size = (uint64_t)st.st_size, .progress = push_shown, .progress_data = &progress,
	};
	if (request_run(target, &request, err) < 0)
		return -1;
	progress_end(&progress);
	return 0;
}

static int addresses_url(char url[URL_MAX], const char *id, struct error *err)
{
	char escaped[3 * ID_MAX];

	if (!call_escape(id, escaped, sizeof escaped))
		return error_set(err, EINVAL, "the id is too long");
	snprintf(url, URL_MAX, "/api/v1/address-sets/%s/addresses", escaped);
	return 0;
}

int file_addresses_set(const struct http_target *target, int count, char **words, struct error *err)
{
	char url[URL_MAX];

	if (count != 2)
		return error_set(err, EINVAL, "%s", "");
	return addresses_url(url, words[1], err) < 0 ? -1 : file_send(target, url, "text/plain", words[0], err);
}

int file_addresses(const struct http_target *target, int count, char **words, struct error *err)
{
	char url[URL_MAX];

	if (count < 1 || count > 2)
		return error_set(err, EINVAL, "%s", "");
	return addresses_url(url, words[0], err) < 0 ? -1 : answer_take(target, url, count > 1 && strcmp(words[1], "-") != 0 ? words[1] : NULL, err);
}

int file_push(const struct http_target *target, int count, char **words, struct error *err)
{
	char url[URL_MAX];

	if (count < 3)
		return error_set(err, EINVAL, "%s", "");
	if (url_make(url, words[1], words[2], " mode uid gid ", count - 3, words + 3, err) < 0)
		return -1;
	return file_send(target, url, "application/octet-stream", words[0], err);
}

int file_mkdir(const struct http_target *target, int count, char **words, struct error *err)
{
	char url[URL_MAX];

	if (count < 2)
		return error_set(err, EINVAL, "%s", "");
	if (url_make(url, words[0], words[1], " mode uid gid ", count - 2, words + 2, err) < 0)
		return -1;
	if (strlen(url) + sizeof "&type=folder" > sizeof url)
		return error_set(err, EINVAL, "the words are too long together");
	return simple(target, "PUT", strcat(url, "&type=folder"), err);
}

int file_delete(const struct http_target *target, int count, char **words, struct error *err)
{
	char url[URL_MAX];

	if (count != 2)
		return error_set(err, EINVAL, "%s", "");
	if (url_make(url, words[0], words[1], "", 0, NULL, err) < 0)
		return -1;
	return simple(target, "DELETE", url, err);
}

/* Text of a file as JSON; a key among them is wiped. */
static json_t *text_of(const char *path, struct error *err)
{
	char *text = NULL;
	size_t size = 0;

	if (file_read(path, CERTIFICATE_BYTES_MAX, &text, &size, err) < 0)
		return NULL;
	json_t *string = json_stringn(text, size);
	explicit_bzero(text, size);
	free(text);
	if (string == NULL)
		error_set(err, EINVAL, "%s is not text", path);
	return string;
}

int file_certificate(const struct http_target *target, int count, char **words, struct error *err)
{
	cleanup_json json_t *body = json_object(), *answer = NULL;

	if (count != 2)
		return error_set(err, EINVAL, "%s", "");
	json_t *chain = text_of(words[0], err), *key = chain == NULL ? NULL : text_of(words[1], err);
	json_object_set_new(body, "certificate", chain);
	json_object_set_new(body, "key", key);
	if (key == NULL || call_json(target, "PUT", "/api/v1/host/certificate", body, &answer, err) < 0)
		return -1;
	fprintf(stderr, "clients see the certificate of %s from now on, with SHA-256 fingerprint %s\n",
		json_string_value(json_object_get(answer, "subject")), json_string_value(json_object_get(answer, "fingerprint")));
	return 0;
}
