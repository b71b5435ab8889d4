/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path: paths of URLs, as rules of access compare them. */
#ifndef BULKHEAD_PATH_H
#define BULKHEAD_PATH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A path as it is compared with patterns: percent-encoding of harmless characters undone. False for one that services
 * may read in different ways (empty or dot segments, encoded slashes, control characters, bytes that are no UTF-8, ...): no pattern has that.
 */
bool path_normal(const char *path, size_t size, char *text, size_t room);

/* Whether it is one: "*" stands at the end for anything, elsewhere for all that is between two slashes. */
bool path_pattern_valid(const char *pattern);
bool path_matches(const char *pattern, const char *path);

#endif
