/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/outflow.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/api/request.h"

enum {
	BLOCK = 16 * 1024,
	WAITING_MAX = 1 << 20,
};

struct outflow {
	char *bytes;         /* owned: what was not sent yet */
	size_t size, room;
	bool ended;
	request_stream_cb *closed;
	void *data;
};

/* Called when the client can take more; without any the connection sleeps. */
static ssize_t stream_read(void *data, uint64_t at, char *block, size_t size)
{
	struct request *request = data;
	struct outflow *outflow = request->outflow;

	(void)at;
	if (outflow->size > 0) {
		size_t taken = outflow->size < size ? outflow->size : size;
		memcpy(block, outflow->bytes, taken);
		outflow->size -= taken;
		memmove(outflow->bytes, outflow->bytes + taken, outflow->size);
		return (ssize_t)taken;
	}
	if (outflow->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	request->suspended = true;
	MHD_suspend_connection(request->connection);
	return 0;
}

struct MHD_Response *outflow_response(struct request *request)
{
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, stream_read, request, NULL);
}

void outflow_free(struct outflow *outflow)
{
	if (outflow == NULL)
		return;
	outflow->closed(outflow->data);
	free(outflow->bytes);
	free(outflow);
}

void request_answer_stream(struct request *request, const char *type, request_stream_cb *closed, void *data)
{
	struct outflow *outflow = request->answered ? NULL : calloc(1, sizeof *outflow);

	if (outflow == NULL) {
		closed(data);
		request_fail(request, 503, "unavailable", NULL, "no memory for this");
		return;
	}
	*outflow = (struct outflow){ .closed = closed, .data = data };
	request->outflow = outflow;
	request->answer_type = type;
	request->status = 200;
	request->answered = true;
	request_resume(request);
}

bool request_stream_send(struct request *request, const char *text, size_t size)
{
	struct outflow *outflow = request->outflow;

	if (outflow->size + size > outflow->room) {
		size_t room = (outflow->size + size) * 2;
		char *more = outflow->size + size > WAITING_MAX ? NULL : realloc(outflow->bytes, room);
		if (more == NULL)
			return false;
		outflow->bytes = more;
		outflow->room = room;
	}
	memcpy(outflow->bytes + outflow->size, text, size);
	outflow->size += size;
	request_resume(request);
	return true;
}

bool request_stream_idle(const struct request *request)
{
	return request->outflow->size == 0;
}

void request_stream_end(struct request *request)
{
	request->outflow->ended = true;
	request_resume(request);
}
