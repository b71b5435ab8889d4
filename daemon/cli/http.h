/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http: one request to the API of a host, over TLS or over a Unix socket.
 *
 * A call fails only when no answer came (name, connection, certificate, cut
 * off). An answer of any status is a success here; its meaning is the caller's.
 */
#ifndef BULKHEAD_HTTP_H
#define BULKHEAD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum {
	HTTP_REPLY_MAX = 16 * 1024 * 1024, /* bytes of an answer's body taken */
	HTTP_TIMEOUT_S = 180,              /* of a request without upload; a container may need long to stop */
};

struct http_target {
	const char *url;         /* "https://api.box1.example.org", no slash at the end */
	const char *unix_socket; /* instead of TCP; NULL: none */
	const char *connect;     /* "HOST:PORT" to connect to, whatever url's host resolves to; NULL: none */
	const char *ca_file;     /* PEM of the certificates trusted; NULL: the system's */
	bool insecure;           /* accept any certificate */
	const char *token;       /* bearer token or NULL */
};

struct http_request {
	const char *method;       /* "GET", ... */
	const char *path;         /* "/api/v1/...", escaped */
	const char *content_type; /* of the body; NULL: no body */
	const void *body;         /* borrowed; or NULL and body_fd */
	size_t body_size;
	int body_fd;              /* streamed from here when body is NULL */
	uint64_t body_fd_size;
	int reply_fd;             /* an answer of status 2xx goes here as it comes, however large; 0 or -1: into the reply */
	void (*progress)(uint64_t sent, uint64_t total, void *data); /* of an upload; may be NULL */
	void *progress_data;
};

struct http_reply {
	long status;
	char *body;  /* NUL behind the last byte */
	size_t size;
};

int http_perform(const struct http_target *target, const struct http_request *request, struct http_reply *ret_reply,
		 struct error *err);

void http_reply_clear(struct http_reply *reply);

/* A websocket (RFC 6455). */
struct http_stream;

/* A part of a message. */
struct http_part {
	const char *data;
	size_t size;
	bool text;        /* else binary */
	bool first, last; /* of its message */
	bool closed;      /* none: the host has closed the connection */
};

/* NULL with err: also when the host did not open it. */
struct http_stream *http_stream_open(const struct http_target *target, const char *path, struct error *err);

void http_stream_close(struct http_stream *stream); /* takes NULL */

/* To wait for; receive until it gives 0 before that. */
int http_stream_socket(const struct http_stream *stream);

/* One message; waits until the connection takes it. */
int http_stream_send(struct http_stream *stream, bool text, const void *data, size_t size, struct error *err);

/* 1: a part, in block; 0: nothing there now. */
int http_stream_receive(struct http_stream *stream, void *block, size_t room, struct http_part *ret_part, struct error *err);

#endif
