/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/answer.h"

#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/api/request.h"
#include "daemon/api/outflow.h"
#include "daemon/lib/log.h"

enum { BLOCK = 64 * 1024 };

/* Called when the client has taken what came before. */
static ssize_t file_read_on(void *data, uint64_t at, char *block, size_t size)
{
	struct request *request = data;
	int64_t now = time_monotonic_ms();

	if (at == 0 || at / ANSWER_PACE != request->answer_seen / ANSWER_PACE)
		request->answer_since_ms = now;
	else if (now - request->answer_since_ms > ANSWER_MS)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	request->answer_seen = at;
	ssize_t n = pread(request->answer_fd, block, size, (off_t)at);
	if (n > 0)
		return n;
	log_error("a spooled file cannot be read to its end");
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void upgraded(void *data, struct MHD_Connection *connection, void *context, const char *extra, size_t extra_size,
		     MHD_socket socket, struct MHD_UpgradeResponseHandle *handle)
{
	struct request *request = data;
	request_upgrade_cb *cb = request->upgrade;

	(void)connection;
	(void)context;
	(void)extra;
	request->upgrade = NULL;
	/* No client may speak before it has this answer, so nobody loses a byte here. */
	if (extra_size > 0) {
		MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
		cb(NULL, -1, request->upgrade_data);
	} else {
		cb((struct upgrade *)handle, socket, request->upgrade_data);
	}
}

static struct MHD_Response *response_make(struct request *request)
{
	if (request->upgrade != NULL)
		return MHD_create_response_for_upgrade(upgraded, request);
	if (request->outflow != NULL)
		return outflow_response(request);
	if (request->answer_fd > 0 && request->answer_size > 0)
		return MHD_create_response_from_callback(request->answer_size, BLOCK, file_read_on, request, NULL);
	return MHD_create_response_from_buffer(request->answer_fd > 0 ? 0 : request->answer_size, request->answer,
					       MHD_RESPMEM_MUST_COPY);
}

enum MHD_Result answer_queue(struct request *request)
{
	struct MHD_Response *response = response_make(request);

	if (response == NULL)
		return MHD_NO;
	if (request->upgrade != NULL)
		MHD_add_response_header(response, "Upgrade", request->answer_type);
	else if (request->answer_size > 0 || request->answer_fd > 0 || request->outflow != NULL)
		MHD_add_response_header(response, "Content-Type", request->answer_type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	for (size_t i = 0; i < request->answer_header_count; i++)
		MHD_add_response_header(response, request->answer_headers[i].name, request->answer_headers[i].value);
	if (request->status == 401)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	if (request->replayed)
		MHD_add_response_header(response, "Idempotent-Replayed", "true");
	enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);
	MHD_destroy_response(response);
	request->queued = result == MHD_YES;
	return result;
}
