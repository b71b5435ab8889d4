/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * visit: one request at a protected URL, as HAProxy tells of it, and the credentials in it.
 *
 * What is there twice (two Authorization headers, a cookie or a parameter of a name twice) counts as not there: the
 * service might read the other one.
 */
#ifndef BULKHEAD_VISIT_H
#define BULKHEAD_VISIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/gate/spop.h"
#include "daemon/lib/cidr.h"
#include "daemon/lib/permissions.h"

/* Texts are in the frame, and not terminated. */
struct span {
	const char *text; /* NULL: none */
	size_t size;
};

struct visit {
	struct cidr source;    /* of full length; IPv4 also where it came mapped */
	struct span key;       /* of HAProxy's map: whose URL */
	struct span method, path, query;
	struct span id, host;  /* of the request; asked for */
	uint32_t stream, process; /* of HAProxy: the number that this process has given it */
	struct span head;      /* lines of headers, each with CR LF, in lower case names */
};

/* Of the message that HAProxy sends for each; false: it is malformed, or something is missing. */
bool visit_read(struct spop_reader payload, struct visit *ret_visit);

/* The value of a header that is there once, without spaces around. */
struct span visit_header(const struct visit *visit, const char *name);
struct span visit_cookie(const struct visit *visit, const char *name);
struct span visit_param(const struct visit *visit, const char *name);

/* What is behind "Bearer " in Authorization. */
struct span visit_bearer(const struct visit *visit);

/* User and password of Authorization: Basic (RFC 7617). False: there are none. The caller wipes the password. */
bool visit_basic(const struct visit *visit, char user[CONDITION_NAME_MAX + 1], char *password, size_t room);

/* The Cookie header, or the query, without what has the name. False: it does not fit. */
bool visit_cookies_without(const struct visit *visit, const char *name, char *text, size_t room);
bool visit_query_without(const struct visit *visit, const char *name, char *text, size_t room);

#endif
