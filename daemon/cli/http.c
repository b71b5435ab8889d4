/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum {
	CONNECT_TIMEOUT_S = 15,
	FILE_SILENCE_S = 1230, /* a host may prepare a large file for so long before its first byte */
};

struct upload {
	const struct http_request *request;
	uint64_t sent;
};

struct taking {
	CURL *curl;
	int fd;
	struct http_reply *reply;
	bool unwritten; /* errno of it in write_errno */
	int write_errno;
};

static size_t body_take(char *data, size_t size, size_t count, void *user)
{
	struct taking *taking = user;
	struct http_reply *reply = taking->reply;
	size_t bytes = size * count;
	long status = 0;

	curl_easy_getinfo(taking->curl, CURLINFO_RESPONSE_CODE, &status);
	if (taking->fd > 0 && status >= 200 && status < 300) {
		taking->unwritten = fd_write_full(taking->fd, data, bytes) < 0;
		taking->write_errno = errno;
		return taking->unwritten ? 0 : bytes;
	}
	if (bytes > HTTP_REPLY_MAX - reply->size)
		return 0; /* curl ends with CURLE_WRITE_ERROR */
	char *grown = realloc(reply->body, reply->size + bytes + 1);
	if (grown == NULL)
		return 0;
	memcpy(grown + reply->size, data, bytes);
	reply->body = grown;
	reply->size += bytes;
	grown[reply->size] = '\0';
	return bytes;
}

static size_t upload_give(char *buffer, size_t size, size_t count, void *user)
{
	struct upload *upload = user;
	ssize_t got = fd_read_full(upload->request->body_fd, buffer, size * count);

	if (got < 0)
		return CURL_READFUNC_ABORT;
	upload->sent += (uint64_t)got;
	if (upload->request->progress != NULL)
		upload->request->progress(upload->sent, upload->request->body_fd_size, upload->request->progress_data);
	return (size_t)got;
}

/* What a person can do about a certificate, which is self-signed on a fresh host. */
static int transport_error(CURLcode code, const char *detail, const struct http_target *target, struct error *err)
{
	const char *text = detail[0] != '\0' ? detail : curl_easy_strerror(code);
	const char *where = target->unix_socket != NULL ? target->unix_socket : target->url;

	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return error_set(err, EPROTO,
				 "%s: certificate not trusted (%s); fetch it with `ssh root@HOST certificate` and give it as --ca",
				 where, text);
	if (code == CURLE_COULDNT_CONNECT && target->unix_socket != NULL)
		return error_set(err, ECONNREFUSED, "the daemon does not answer on %s; it may be starting: try again shortly", where);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return error_set(err, ETIMEDOUT, "%s: %s", where, text);
	if (code == CURLE_WRITE_ERROR)
		return error_set(err, EFBIG, "%s: the answer is larger than %d bytes", where, HTTP_REPLY_MAX);
	return error_set(err, EIO, "%s: %s", where, text);
}

static void curl_cleanup_handle(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

static void slist_cleanup(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static bool header_add(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

/* How the host is reached. False: out of memory. */
static bool target_set(CURL *curl, const struct http_target *target, struct curl_slist **connect, char *detail)
{
	char line[512];

	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, target->unix_socket != NULL ? "http,ws" : "https,wss");
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "bulkhead");
	if (target->unix_socket != NULL)
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, target->unix_socket);
	if (target->connect != NULL) {
		snprintf(line, sizeof line, "::%s", target->connect);
		*connect = curl_slist_append(NULL, line);
		if (*connect == NULL)
			return false;
		curl_easy_setopt(curl, CURLOPT_CONNECT_TO, *connect);
	}
	if (target->ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, target->ca_file);
	if (target->insecure) {
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (target->token != NULL) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, target->token);
	}
	return true;
}

int http_perform(const struct http_target *target, const struct http_request *request, struct http_reply *ret_reply,
		 struct error *err)
{
	__attribute__((cleanup(curl_cleanup_handle))) CURL *curl = curl_easy_init();
	__attribute__((cleanup(slist_cleanup))) struct curl_slist *headers = NULL, *connect = NULL;
	char detail[CURL_ERROR_SIZE] = "", line[512], url[2048];
	struct upload upload = { .request = request };
	struct http_reply reply = { 0 };
	struct taking taking = { .curl = curl, .fd = request->reply_fd, .reply = &reply };

	if (curl == NULL)
		return error_set(err, ENOMEM, "out of memory");
	if ((size_t)snprintf(url, sizeof url, "%s%s", target->url, request->path) >= sizeof url)
		return error_set(err, E2BIG, "the address is longer than %zu bytes", sizeof url - 1);

	bool ok = header_add(&headers, "Accept: application/json") && header_add(&headers, "Expect:");
	if (request->content_type != NULL) {
		snprintf(line, sizeof line, "Content-Type: %s", request->content_type);
		ok = ok && header_add(&headers, line);
	}
	if (!ok || !target_set(curl, target, &connect, detail))
		return error_set(err, ENOMEM, "out of memory");

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &taking);
	if (request->body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
	} else if (request->content_type != NULL) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, upload_give);
		curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_fd_size);
	}
	if (request->reply_fd > 0) {
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)FILE_SILENCE_S);
	} else if (request->content_type == NULL || request->body != NULL)
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)HTTP_TIMEOUT_S);

	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
	/* A server that refuses an upload half way has answered all the same. */
	if (code == CURLE_SEND_ERROR && reply.status >= 400)
		code = CURLE_OK;
	if (code != CURLE_OK) {
		http_reply_clear(&reply);
		if (taking.unwritten) {
			errno = taking.write_errno;
			return error_errno(err, "cannot write what came");
		}
		return transport_error(code, detail, target, err);
	}
	if (reply.body == NULL && (reply.body = calloc(1, 1)) == NULL)
		return error_set(err, ENOMEM, "out of memory");
	*ret_reply = reply;
	return 0;
}

void http_reply_clear(struct http_reply *reply)
{
	if (reply->body != NULL)
		explicit_bzero(reply->body, reply->size); /* may hold a fresh token */
	free(reply->body);
	*reply = (struct http_reply){ 0 };
}

struct http_stream {
	CURL *curl;
	struct curl_slist *connect;
	char detail[CURL_ERROR_SIZE];
	curl_socket_t socket;
};

void http_stream_close(struct http_stream *stream)
{
	if (stream == NULL)
		return;
	curl_easy_cleanup(stream->curl);
	curl_slist_free_all(stream->connect);
	free(stream);
}

struct http_stream *http_stream_open(const struct http_target *target, const char *path, struct error *err)
{
	struct http_stream *stream = calloc(1, sizeof *stream);
	const char *rest = strstr(target->url, "://");
	char url[2048];
	long status = 0;

	if (stream == NULL || (stream->curl = curl_easy_init()) == NULL ||
	    !target_set(stream->curl, target, &stream->connect, stream->detail)) {
		http_stream_close(stream);
		error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	snprintf(url, sizeof url, "%s%s%s", target->unix_socket != NULL ? "ws" : "wss", rest != NULL ? rest : "://", path);
	curl_easy_setopt(stream->curl, CURLOPT_URL, url);
	curl_easy_setopt(stream->curl, CURLOPT_CONNECT_ONLY, 2L); /* the handshake, no more */
	CURLcode code = curl_easy_perform(stream->curl);
	curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && status == 101 &&
	    curl_easy_getinfo(stream->curl, CURLINFO_ACTIVESOCKET, &stream->socket) == CURLE_OK)
		return stream;
	if (status != 0)
		error_set(err, EPROTO, "the host opens no connection to the command: HTTP status %ld", status);
	else
		transport_error(code, stream->detail, target, err);
	http_stream_close(stream);
	return NULL;
}

int http_stream_socket(const struct http_stream *stream)
{
	return stream->socket;
}

int http_stream_send(struct http_stream *stream, bool text, const void *data, size_t size, struct error *err)
{
	const char *at = data;

	for (;;) {
		struct pollfd wait = { .fd = stream->socket, .events = POLLOUT };
		size_t sent = 0;
		CURLcode code = curl_ws_send(stream->curl, at, size, &sent, 0, text ? CURLWS_TEXT : CURLWS_BINARY);
		at += sent;
		size -= sent;
		if (code == CURLE_OK && size == 0)
			return 0;
		if (code != CURLE_OK && code != CURLE_AGAIN)
			return error_set(err, EPIPE, "the connection to the command broke: %s", curl_easy_strerror(code));
		(void)poll(&wait, 1, -1);
	}
}

int http_stream_receive(struct http_stream *stream, void *block, size_t room, struct http_part *ret_part, struct error *err)
{
	const struct curl_ws_frame *frame = NULL;
	size_t size = 0;

	CURLcode code = curl_ws_recv(stream->curl, block, room, &size, &frame);
	if (code == CURLE_AGAIN)
		return 0;
	*ret_part = (struct http_part){ .data = block, .size = size, .closed = true };
	if (code == CURLE_GOT_NOTHING)
		return 1;
	if (code != CURLE_OK)
		return error_set(err, EPIPE, "the connection to the command broke: %s", curl_easy_strerror(code));
	ret_part->closed = (frame->flags & CURLWS_CLOSE) != 0;
	ret_part->text = (frame->flags & CURLWS_TEXT) != 0;
	ret_part->first = frame->offset == 0;
	ret_part->last = frame->bytesleft == 0;
	return 1;
}
