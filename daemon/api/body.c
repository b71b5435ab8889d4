/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/body.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/api/api.h"
#include "daemon/api/upload.h"

enum {
	DRAIN_MAX = 64 << 20,   /* bytes read for nothing, after a refusal */
	BODY_MS = 30000,        /* from the head to the last byte; after a late refusal as much again */
	UPLOAD_MS = 60000,      /* for each UPLOAD_PACE bytes of an upload */
	UPLOAD_PACE = 1 << 20,
};

uint64_t body_declared(struct request *request)
{
	const char *length = request_header(request, "Content-Length");

	if (request_header(request, "Transfer-Encoding") != NULL)
		return UINT64_MAX;
	return length == NULL ? 0 : strtoull(length, NULL, 10); /* libmicrohttpd has checked its form */
}

/* Compares the type alone, without parameters. */
static bool type_is(const char *header, const char *type)
{
	size_t size = strcspn(header, "; \t");

	return size == strlen(type) && strncasecmp(header, type, size) == 0;
}

static bool type_check(struct request *request)
{
	static const char *const archives[] = {
		"application/x-tar", "application/octet-stream", "application/gzip", "application/x-gzip",
		"application/zstd", "application/x-zstd", "application/x-xz",
	};
	const char *type = request_header(request, "Content-Type");

	switch (request->route->body) {
	case ROUTE_BODY_NONE:
		return true;
	case ROUTE_BODY_JSON:
		if (type != NULL && type_is(type, "application/json"))
			return true;
		request_fail(request, 415, "unsupported_media_type", NULL, "send the body as application/json");
		return false;
	case ROUTE_BODY_FILE:
		return true;
	case ROUTE_BODY_ARCHIVE:
		for (size_t i = 0; type != NULL && i < sizeof archives / sizeof archives[0]; i++)
			if (type_is(type, archives[i]))
				return true;
		request_fail(request, 415, "unsupported_media_type", NULL,
			     "send the archive as application/x-tar or application/octet-stream");
		return false;
	}
	return false;
}

/* The largest body that the route takes, apart from uploads, which have their own limit. */
static size_t body_max(const struct request *request)
{
	return request->route->body == ROUTE_BODY_NONE ? REQUEST_EMPTY_MAX : REQUEST_BODY_MAX;
}

void body_refuse(struct request *request)
{
	if (request->route->body == ROUTE_BODY_NONE)
		request_fail(request, 400, "invalid", NULL, "this call takes no body");
	else
		request_fail(request, 413, "too_large", NULL, "the body may have at most %d bytes", REQUEST_BODY_MAX);
}

/*
 * libmicrohttpd knows one limit of time, for silence. What is left until the
 * deadline, set anew with each part of the body, makes it an absolute one.
 * False: the time is up.
 */
static bool body_wait(struct request *request, int64_t deadline_ms)
{
	int64_t left = deadline_ms - time_monotonic_ms();

	request->body_deadline_ms = deadline_ms;
	if (left <= 0)
		return false;
	return MHD_set_connection_option(request->connection, MHD_CONNECTION_OPTION_TIMEOUT,
					 (unsigned int)((left + 999) / 1000)) == MHD_YES;
}

bool body_head_check(struct request *request)
{
	if (!type_check(request))
		return false;
	if (request->route->head != NULL || body_declared(request) == UINT64_MAX ||
	    body_declared(request) <= body_max(request))
		return true;
	body_refuse(request);
	return false;
}

bool body_begin(struct request *request)
{
	if (body_declared(request) == 0)
		return true;
	return body_wait(request, time_monotonic_ms() + (request->upload != NULL ? UPLOAD_MS : BODY_MS));
}

static void body_add(struct request *request, const char *data, size_t size)
{
	if (request->upload != NULL) {
		upload_write(request->upload, request, data, size);
		return;
	}
	if (request->body_size + size > body_max(request)) {
		body_refuse(request);
		return;
	}
	if (request->body_size + size + 1 > request->body_room) {
		size_t room = (request->body_size + size + 1) * 2;
		char *larger = malloc(room); /* realloc() would leave a copy, and a key may be in it */
		if (larger == NULL) {
			request_fail(request, 503, "unavailable", NULL, "no memory for the body");
			return;
		}
		if (request->body != NULL) {
			memcpy(larger, request->body, request->body_size);
			explicit_bzero(request->body, request->body_room);
			free(request->body);
		}
		request->body = larger;
		request->body_room = room;
	}
	memcpy(request->body + request->body_size, data, size);
	request->body_size += size;
	request->body[request->body_size] = '\0';
}

bool body_take(struct request *request, const char *data, size_t size)
{
	bool refused = request->answered;
	int64_t deadline_ms = request->body_deadline_ms;
	uint64_t before = request->received;

	if (deadline_ms <= time_monotonic_ms())
		return false;
	request->received += size;
	if (refused) {
		request->drained += size;
		return request->drained <= DRAIN_MAX && body_wait(request, deadline_ms);
	}
	body_add(request, data, size);
	if (request->answered) /* a late refusal: the rest goes by quickly, or not at all */
		deadline_ms = time_monotonic_ms() + BODY_MS;
	else if (request->upload != NULL && before / UPLOAD_PACE != request->received / UPLOAD_PACE)
		deadline_ms = time_monotonic_ms() + UPLOAD_MS;
	return body_wait(request, deadline_ms);
}
