/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names: a growing set of ids or digests: filled first, asked afterwards.
 */
#ifndef BULKHEAD_NAMES_H
#define BULKHEAD_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/lib/hex.h"

struct error;

struct names {
	char (*list)[DIGEST_TEXT]; /* owned */
	size_t count, room;
	bool sorted;
};

/* Adds one, at most DIGEST_TEXT - 1 characters; twice is once. */
int names_add(struct names *names, const char *name, struct error *err);

bool names_has(struct names *names, const char *name);

void names_clear(struct names *names);

#endif
