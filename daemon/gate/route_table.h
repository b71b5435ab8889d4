/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route_table: host label -> address of a container, in memory, sorted by label.
 */
#ifndef BULKHEAD_ROUTE_TABLE_H
#define BULKHEAD_ROUTE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/protocol.h"

struct error;

enum { ROUTES_MAX = 65536 };

struct route {
	char label[LABEL_TEXT];
	uint32_t ipv4; /* network byte order */
	uint16_t port; /* host byte order */
};

struct route_table {
	struct route *routes; /* owned, sorted by label */
	size_t count, room;
};

enum route_change { ROUTE_SAME, ROUTE_ADDED, ROUTE_CHANGED };

/* Sets one route. ENOSPC when the table is full. */
int route_table_set(struct route_table *table, const struct route *route, enum route_change *ret_change,
		    struct error *err);

/* True if it was there. */
bool route_table_remove(struct route_table *table, const char *label);

void route_table_clear(struct route_table *table);

/* True for a lower-case host label of 1 to 63 letters, digits and inner hyphens. */
bool route_label_valid(const char *label);

#endif
