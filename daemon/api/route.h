/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route: the table of all calls, and finding the one that a path names.
 */
#ifndef BULKHEAD_API_ROUTE_H
#define BULKHEAD_API_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/api/request.h"

extern const struct api_route api_routes[];
extern const size_t api_route_count;

/*
 * True if path fits pattern: equal, segment by segment, where "*" takes one
 * segment that is not empty and fits into ret_id (else it does not match).
 */
bool route_match(const char *pattern, const char *path, char *ret_id, size_t id_room);

/*
 * The route for method and path, or NULL; *ret_methods then has the methods
 * (enum method) that the path knows: 0 for an unknown path.
 */
const struct api_route *route_find(const char *path, enum method method, char *ret_id, size_t id_room,
				   unsigned int *ret_methods);

enum { ROUTE_ALLOW_TEXT = 40 };

/* "GET, HEAD, POST", for the header Allow. */
void route_allow(unsigned int methods, char text[ROUTE_ALLOW_TEXT]);

/* True if key stands in the route's list of query keys. */
bool route_query_known(const struct api_route *route, const char *key);

#endif
