/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request: one HTTP request, from its head to its answer. Handlers see this,
 * never libmicrohttpd.
 *
 * A handler ends by answering (request_answer, request_fail, ...) or returns
 * without: then the connection sleeps until somebody answers later. The request
 * stays valid until it is answered, also when the client has gone.
 */
#ifndef BULKHEAD_REQUEST_H
#define BULKHEAD_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hex.h"

struct MHD_Connection;
struct api;
struct error;
struct trail;
struct upload;

enum caller_role {
	CALLER_READER,   /* GET */
	CALLER_OPERATOR, /* and containers, images, projects */
	CALLER_ADMIN,    /* and tokens; realms, if not bound to realms */
};

struct caller {
	enum caller_role role;
	bool platform;        /* not bound to realms */
	char realm[ID_TEXT];  /* that the host name asked for: bound to it alone; "": none */
	int64_t expires;      /* of its token, milliseconds since 1970; 0: never */
	char token[ID_TEXT];  /* its id; "" for root on the host, through local.sock */
};

enum method { METHOD_GET = 1, METHOD_POST = 2, METHOD_DELETE = 4, METHOD_PATCH = 8, METHOD_PUT = 16 };

enum route_body {
	ROUTE_BODY_NONE,   /* none, or {} with POST; anything else is refused */
	ROUTE_BODY_JSON,
	ROUTE_BODY_ARCHIVE, /* of an image, streamed into the spool */
	ROUTE_BODY_FILE,    /* of any type, or without one; likewise */
};

struct request;

/* A connection that has left HTTP. */
struct upgrade;

/* An answer that goes on as things happen. */
struct outflow;

/* Called once, when it has ended or its client has gone. */
typedef void request_stream_cb(void *data);

/* Called once, when the client has its answer; or with NULL and -1 when it had gone before. The socket stays the server's. */
typedef void request_upgrade_cb(struct upgrade *upgrade, int socket, void *data);

typedef void request_handler(struct request *request);

struct api_route {
	enum method method;
	const char *pattern;    /* "*" stands for one id */
	enum caller_role role;  /* needed at least */
	bool open;              /* no token needed */
	bool platform;          /* only for callers not bound to realms */
	enum route_body body;
	const char *query;      /* allowed keys, each between spaces: " limit after " */
	request_handler *handler;
	request_handler *head;  /* with a body for the spool: looks at the head, and answers if it refuses, before the body comes */
};

enum {
	REQUEST_BODY_MAX = 1 << 20, /* of JSON */
	REQUEST_EMPTY_MAX = 16,     /* of a call that takes none */
	REQUEST_QUERY_MAX = 1024,
	REQUEST_ANSWER_HEADERS_MAX = 6,
};

struct request {
	struct api *api;
	struct MHD_Connection *connection;
	const struct api_route *route;
	enum method method;
	char path[128];
	char name[64];             /* id of the request, in the audit log and what the proxy tells of it */
	int64_t began_us;          /* since 1970 */
	bool outside, known;       /* it came by the proxy; its caller was checked */
	bool shadow, orphan;       /* asked by the API itself (trail.c), which does not wait for its answer any more */
	struct trail *trail;       /* owned */
	char id[80];               /* what stood for "*" */
	char realm[ID_TEXT];       /* that an upload is for, "" the host's; set by route->head, or inside_open() */
	struct caller caller;
	char *body;                /* owned, with a NUL behind */
	size_t body_size, body_room;
	json_t *json;              /* ROUTE_BODY_JSON: the parsed object, owned */
	struct upload *upload;     /* of a body for the spool, or what an answer of a file takes there; owned */
	uint64_t received, drained; /* bytes of body so far, and of them thrown away after a refusal */
	int64_t body_deadline_ms;  /* of the monotonic clock: when the body must have come */

	bool answered, suspended, queued;
	unsigned int status;
	char *answer;              /* owned */
	size_t answer_size;
	int answer_fd;             /* 0: none; a file, owned, that is the answer in place of the text */
	uint64_t answer_seen;      /* of the file */
	int64_t answer_since_ms;   /* on the monotonic clock, since when it is within this part */
	struct {
		const char *name;      /* static */
		char value[48];
	} answer_headers[REQUEST_ANSWER_HEADERS_MAX];
	size_t answer_header_count;
	request_upgrade_cb *upgrade; /* NULL: none, or called */
	void *upgrade_data;
	struct outflow *outflow;     /* owned; NULL: none */
	const char *answer_type;   /* static; with upgrade the protocol */
	bool replayed;             /* answered from an earlier request with the same Idempotency-Key */
};

/* The value of a query parameter, or NULL. Lives as long as the request. */
const char *request_query(struct request *request, const char *key);
const char *request_header(struct request *request, const char *name);

/* Reads "true" or "false"; fallback when absent. On anything else answers 400 and returns -1. */
int request_query_bool(struct request *request, const char *key, bool fallback, bool *ret_value);

/* Reads a whole number; the same rules. */
int request_query_number(struct request *request, const char *key, int64_t fallback, int64_t min, int64_t max,
			 int64_t *ret_value);

/* Answers with JSON; takes the reference. NULL body: no content. */
void request_answer(struct request *request, unsigned int status, json_t *body);

/* Answers with a copy of text; type is static. */
void request_answer_text(struct request *request, const char *type, const char *text, size_t size);

/* Answers with the first size bytes of a file; takes the descriptor over. */
void request_answer_file(struct request *request, const char *type, int fd, uint64_t size);

/* Answers 101: the connection goes on with another protocol, whose name is static. */
void request_answer_upgrade(struct request *request, const char *protocol, request_upgrade_cb *cb, void *data);

/* Closes the connection at its end; takes NULL. */
void request_upgrade_close(struct upgrade *upgrade);

/*
 * Answers 200 with what is sent from now on, of a type that is static. request_stream_send() fails when the client does not
 * read: more than 1 MiB waits for it.
 */
void request_answer_stream(struct request *request, const char *type, request_stream_cb *closed, void *data);
bool request_stream_send(struct request *request, const char *text, size_t size);
bool request_stream_idle(const struct request *request); /* nothing waits */
void request_stream_end(struct request *request);

/* A connection that sleeps, of a request that is answered or not, goes on. */
void request_resume(struct request *request);

/* Of one that the API itself asked. */
void request_shadow_free(struct request *request);

/* A header more; before the answer. name is static. */
void request_answer_add(struct request *request, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Answers with the error shape; field may be NULL. */
void request_fail(struct request *request, unsigned int status, const char *code, const char *field,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The same, status and code chosen by err->code. */
void request_fail_error(struct request *request, const struct error *err);

/*
 * The same for what engine, gate or the system said. Unless it names a field, or is about
 * load, time or space, it is the host's failure: it is logged, and the client,
 * whose fault it is not, gets 500 and none of the host's insides.
 */
void request_fail_host(struct request *request, const struct error *err);

/* Whether If-Match, if the request has one, names this version (RFC 9110, 13.1.1); false: answered with 412. */
bool request_if_match(struct request *request, int64_t version);

/* The same for everything that does not exist or is another realm's: one text for both. */
void request_fail_missing(struct request *request, const char *what, const char *field);

#endif
