/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/request.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

int64_t time_monotonic_ms(void)
{
	return clock_ms();
}

int64_t time_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void time_format(int64_t ms, char text[TIME_TEXT])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	size_t size;

	gmtime_r(&seconds, &tm);
	size = strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + size, TIME_TEXT - size, ".%03uZ", (unsigned int)(ms % 1000) % 1000);
}

const char *request_query(struct request *request, const char *key)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);
}

const char *request_header(struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

int request_query_bool(struct request *request, const char *key, bool fallback, bool *ret_value)
{
	const char *text = request_query(request, key);

	if (text == NULL)
		*ret_value = fallback;
	else if (strcmp(text, "true") == 0)
		*ret_value = true;
	else if (strcmp(text, "false") == 0)
		*ret_value = false;
	else {
		request_fail(request, 400, "invalid", key, "the query parameter %s must be true or false", key);
		return -1;
	}
	return 0;
}

int request_query_number(struct request *request, const char *key, int64_t fallback, int64_t min, int64_t max,
			 int64_t *ret_value)
{
	const char *text = request_query(request, key);
	char *end;

	*ret_value = fallback;
	if (text == NULL)
		return 0;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < min || value > max) {
		request_fail(request, 400, "invalid", key, "the query parameter %s must be a number from %lld to %lld",
			     key, (long long)min, (long long)max);
		return -1;
	}
	*ret_value = value;
	return 0;
}

void request_resume(struct request *request)
{
	if (request->suspended) {
		request->suspended = false;
		MHD_resume_connection(request->connection);
	}
}

void request_shadow_free(struct request *request)
{
	if (request->upgrade != NULL)
		request->upgrade(NULL, -1, request->upgrade_data);
	if (request->answer_fd > 0)
		close(request->answer_fd);
	free(request->answer);
	free(request);
}

/* Wakes the connection if it sleeps. The server then queues the answer. */
static void request_done(struct request *request)
{
	request->answered = true;
	if (request->orphan)
		request_shadow_free(request);
	else
		request_resume(request);
}

static bool request_twice(const struct request *request)
{
	if (!request->answered)
		return false;
	log_error("%s was answered twice; the second answer is dropped", request->path);
	return true;
}

void request_answer(struct request *request, unsigned int status, json_t *body)
{
	if (request_twice(request)) {
		json_decref(body);
		return;
	}
	request->status = status;
	request->answer_type = "application/json";
	if (body != NULL) {
		cleanup_free char *text = json_dumps(body, JSON_COMPACT);
		json_decref(body);
		int size = text == NULL ? -1 : asprintf(&request->answer, "%s\n", text);
		if (size == -1) {
			request->status = 500;
			request->answer = NULL;
			size = 0;
		}
		request->answer_size = (size_t)size;
	}
	request_done(request);
}

void request_answer_text(struct request *request, const char *type, const char *text, size_t size)
{
	if (request_twice(request))
		return;
	request->answer = malloc(size);
	if (request->answer == NULL) {
		request->status = 500;
	} else {
		memcpy(request->answer, text, size);
		request->answer_size = size;
		request->status = 200;
	}
	request->answer_type = type;
	request_done(request);
}

void request_answer_file(struct request *request, const char *type, int fd, uint64_t size)
{
	if (request_twice(request)) {
		close(fd);
		return;
	}
	request->answer_fd = fd;
	request->answer_size = size;
	request->answer_type = type;
	request->status = 200;
	request_done(request);
}

void request_answer_upgrade(struct request *request, const char *protocol, request_upgrade_cb *cb, void *data)
{
	if (request_twice(request)) {
		cb(NULL, -1, data);
		return;
	}
	request->upgrade = cb;
	request->upgrade_data = data;
	request->answer_type = protocol;
	request->status = 101;
	request_done(request);
}

void request_upgrade_close(struct upgrade *upgrade)
{
	if (upgrade != NULL)
		MHD_upgrade_action((struct MHD_UpgradeResponseHandle *)upgrade, MHD_UPGRADE_ACTION_CLOSE);
}

void request_answer_add(struct request *request, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (request->answer_header_count == REQUEST_ANSWER_HEADERS_MAX) {
		log_error("%s: no room for header %s of an answer", request->path, name);
		return;
	}
	va_start(ap, fmt);
	vsnprintf(request->answer_headers[request->answer_header_count].value, sizeof request->answer_headers[0].value, fmt, ap);
	va_end(ap);
	request->answer_headers[request->answer_header_count++].name = name;
}

void request_fail(struct request *request, unsigned int status, const char *code, const char *field,
		  const char *fmt, ...)
{
	char message[sizeof((struct error *)0)->message];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	json_t *detail = json_pack("{s:s, s:s}", "code", code, "message", message);
	if (detail == NULL) /* a message that is not UTF-8: it quotes the client's bytes */
		detail = json_pack("{s:s, s:s}", "code", code, "message", "the input is not valid UTF-8");
	/* A field that is not UTF-8 (an unknown key can not be: jansson checks) is left out. */
	if (detail != NULL && field != NULL && *field != '\0')
		json_object_set_new(detail, "field", json_string(field));
	request_answer(request, status, json_pack("{s:o}", "error", detail));
}

void request_fail_missing(struct request *request, const char *what, const char *field)
{
	request_fail(request, 404, "not_found", field, "there is no such %s", what);
}

void request_fail_error(struct request *request, const struct error *err)
{
	static const struct {
		int number;
		unsigned int status;
		const char *code;
	} kinds[] = {
		{ EINVAL, 400, "invalid" },     { ENOENT, 404, "not_found" },     { EEXIST, 409, "conflict" },
		{ EBUSY, 409, "in_use" },       { EMLINK, 409, "limit" },         { ENOSPC, 507, "no_space" },
		{ EDQUOT, 507, "no_space" },    { ETIMEDOUT, 503, "unavailable" }, { EPIPE, 503, "unavailable" },
		{ ENOBUFS, 503, "unavailable" }, { EAGAIN, 503, "unavailable" },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (err->code == kinds[i].number) {
			request_fail(request, kinds[i].status, kinds[i].code, err->field, "%s", err->message);
			return;
		}
	}
	log_error("%s: %s", request->path, err->message);
	request_fail(request, 500, "internal", err->field, "the host failed at this; its log says why");
}

void request_fail_host(struct request *request, const struct error *err)
{
	static const int passing[] = { EBUSY, ENOSPC, EDQUOT, ETIMEDOUT, EPIPE, ENOBUFS, EAGAIN };

	bool shown = err->field[0] != '\0';
	for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
		shown = shown || err->code == passing[i];
	if (shown) {
		request_fail_error(request, err);
		return;
	}
	log_error("%s: %s", request->path, err->message);
	request_fail(request, 500, "internal", NULL, "the host failed at this; its log says why");
}

bool request_if_match(struct request *request, int64_t version)
{
	const char *wanted = request_header(request, "If-Match");
	char tag[32];

	snprintf(tag, sizeof tag, "\"%lld\"", (long long)version);
	if (wanted == NULL || strcmp(wanted, "*") == 0 || strcmp(wanted, tag) == 0)
		return true;
	request_fail(request, 412, "changed", NULL, "it has changed since it was read: it is %s now; read it again", tag);
	return false;
}
