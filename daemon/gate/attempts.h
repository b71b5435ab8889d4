/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attempts: failed passwords of a source at a URL, and of all sources at a URL, within a minute. Beyond a number the next
 * ones are not even compared. What is known is of the last few thousand pairs: where more fail at once, older ones are
 * forgotten, which lets them try again, and the URL's own number still holds them.
 */
#ifndef BULKHEAD_ATTEMPTS_H
#define BULKHEAD_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/lib/cidr.h"

enum {
	ATTEMPTS_SOURCE_MAX = 10, /* a minute; an IPv6 source is its /64 */
	ATTEMPTS_URL_MAX = 300,
};

/* label: the container's, whichever of its URLs it is. now_ms: of clock_ms(). */
bool attempts_allowed(const char *label, const struct cidr *source, int64_t now_ms);
void attempts_failed(const char *label, const struct cidr *source, int64_t now_ms);

/* Forgets all: for tests. */
void attempts_reset(void);

#endif
