/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route_table: what leads to containers, in memory, sorted by label.
 *
 * A container is one route: its label "<project>-<container>" leads to its port, and with
 * a service's name or port behind it to that. An alias is another one: a host name, or a
 * label of the host's domain, that leads to one port, and goes with its owner.
 *
 * HAProxy looks up entries, each a key and "<ip>:<port>:<protocol>:<way>:<realm>:<project>:<container>:<service>": protocol is
 * h (HTTP/1), s (TLS), 2 (HTTP/2 in clear) or w (websockets only); way is o (open) or g: the gate is asked first. What is
 * behind it is for the records of its requests.
 */
#ifndef BULKHEAD_ROUTE_TABLE_H
#define BULKHEAD_ROUTE_TABLE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/protocol.h"

struct error;

enum {
	ROUTES_MAX = 131072,
	ROUTE_KEY_TEXT = HOST_TEXT,
	ROUTE_VALUE_TEXT = INET_ADDRSTRLEN + 12 + 3 * ID_TEXT + SERVICE_TEXT,
	ROUTE_ENTRIES_MAX = 2 + 2 * ROUTE_SERVICES_MAX,
};

struct route {
	char *label, *owner;            /* owned; owner NULL: of a container */
	uint32_t ipv4;                  /* network byte order */
	uint16_t port;
	uint8_t protocol;               /* enum route_protocol */
	bool guarded;                   /* the gate is asked who may use it */
	char realm[ID_TEXT];
	uint16_t service_count;
	struct route_service *services; /* owned; NULL: none */
};

struct route_table {
	struct route *routes; /* owned, sorted by label */
	size_t count, room;
};

/* As a message has it, checked but for its address. -1 with err->field. */
int route_make(const struct route_message *message, struct route *ret_route, struct error *err);
void route_free(struct route *route);

/* The ids in the label of its container, "<project>-<container>"; "" where there is none. */
void route_ids(const struct route *route, char project[ID_TEXT], char container[ID_TEXT]);

/* The entry of a number; false: it has no more. */
bool route_entry(const struct route *route, size_t number, char key[ROUTE_KEY_TEXT], char value[ROUTE_VALUE_TEXT]);

/* NULL: there is none. */
const struct route *route_table_find(const struct route_table *table, const char *label);

/*
 * The container's route that an entry with this key belongs to, also an alias's; with the service that it leads to: its port,
 * and its name ("": it has none). NULL: there is none.
 */
const struct route *route_table_seek(const struct route_table *table, const char *key, const char **ret_service, uint16_t *ret_port);

/*
 * Takes route over, in any case. Another with its label, which it takes the place of, is handed to the caller in
 * *ret_before (label NULL: there was none). Returns it as it is in the table, or NULL with err; ENOSPC when that is full.
 */
const struct route *route_table_set(struct route_table *table, struct route *route, struct route *ret_before, struct error *err);

/* True if it was there. */
bool route_table_remove(struct route_table *table, const char *label);

/* The first route from *place on that goes with owner; *place is then its place. NULL: no more. */
const struct route *route_table_owned(const struct route_table *table, const char *owner, size_t *place);

void route_table_clear(struct route_table *table);

#endif
