/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record: one entry of the audit log, and the line by which HAProxy, the gate and the API tell of it: a datagram to
 * RECORD_SOCKET.
 *
 *   <ack> TAB <place> TAB <kind> TAB ... one field for each other column, in their order
 *
 * place: <realm>[:<project>:<container>:<service>], the end of HAProxy's entry of a route (route_table.h).
 * Each field is percent-encoded (RFC 3986, 2.1); "-" or nothing: there is none. ack: a number that the answer, a datagram
 * "<ack> <errno value>", bears when the record is on disk, with "r" behind it if it is asked again; "-": none is awaited.
 */
#ifndef BULKHEAD_RECORD_H
#define BULKHEAD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hex.h"

struct error;

#define RECORD_SOCKET "/run/bulkhead/audit.sock"
#define RECORD_HOST "host" /* the log of what is no realm's */

enum record_column {
	RECORD_KIND,     /* "request", "opened" (a request that begins), "call" (of the API), "calling", "failed" (a connection), "lost" */
	RECORD_PROJECT,
	RECORD_CONTAINER,
	RECORD_SERVICE,  /* name, or port, of the service */
	RECORD_STARTED,  /* microseconds since 1970 */
	RECORD_REQUEST,  /* id that the service and the records of a request share */
	RECORD_CLIENT,   /* address */
	RECORD_METHOD,
	RECORD_HOSTNAME,
	RECORD_PATH,     /* without its query */
	RECORD_VERSION,  /* of HTTP */
	RECORD_STATUS,
	RECORD_RECEIVED, /* bytes from the client */
	RECORD_SENT,
	RECORD_DURATION, /* milliseconds */
	RECORD_WAITED,   /* of them until the service began to answer */
	RECORD_IDENTITY, /* as who the client was let in; of a call "token:<id>" or "root" */
	RECORD_DECISION,
	RECORD_RULE,     /* group that let it in */
	RECORD_ENDING,   /* why it ended, as HAProxy has it (its manual, 8.5) */
	RECORD_DETAIL,   /* JSON */
	RECORD_COLUMNS,
};

enum {
	RECORD_DETAIL_MAX = 16 * 1024,
	RECORD_LINE_MAX = 64 * 1024, /* a detail is at most three times as long as a field */
};

struct record_field {
	const char *name;
	bool number;
	size_t max; /* bytes of a text: what is beyond is cut off; of JSON and ids it must not be more */
};

extern const struct record_field record_fields[RECORD_COLUMNS];

struct record {
	char realm[ID_TEXT];                /* an id, or RECORD_HOST */
	uint64_t ack;                       /* 0: none is awaited */
	bool again;
	const char *texts[RECORD_COLUMNS];  /* NULL: none; a number has none */
	int64_t numbers[RECORD_COLUMNS];    /* -1: none */
};

/* An empty one. */
struct record record_make(const char *realm, const char *kind);

/*
 * Of a line, which it decodes in place: texts are within it, valid UTF-8. line[size] must be writable. EINVAL: it is
 * none; a line that is too long or has a field too many is none, a field that is missing at its end is empty.
 */
int record_parse(char *line, size_t size, struct record *ret_record, struct error *err);

/* Size of the line; 0: it does not fit. */
size_t record_print(const struct record *record, char *line, size_t room);

#endif
