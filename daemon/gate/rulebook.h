/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rulebook: the permissions (permissions.h) of realms, projects and containers, by id.
 */
#ifndef BULKHEAD_RULEBOOK_H
#define BULKHEAD_RULEBOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/lib/permissions.h"

enum { RULEBOOK_MAX = 65536 };

struct rulebook {
	struct rulebook_entry *entries; /* owned, sorted by id */
	size_t count, room;
};

/* Takes the permissions over, in any case; empty ones are as none. -1 with err: no memory, or it is full. */
int rulebook_set(struct rulebook *book, const char *id, struct permissions *permissions, struct error *err);

/* NULL: it has none. */
const struct permissions *rulebook_find(const struct rulebook *book, const char *id);

void rulebook_clear(struct rulebook *book);

#endif
