/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/route_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"

static int service_check(const struct route_service *service, struct error *err)
{
	if (memchr(service->name, '\0', sizeof service->name) == NULL || 
	    (service->name[0] != '\0' && (!hostcfg_name_valid(service->name, false) || (service->name[0] >= '0' && service->name[0] <= '9'))))
		return error_field(err, "services", "a service's name is not a part of a host label");
	if (service->port == 0 || service->protocol >= ROUTE_PROTOCOLS)
		return error_field(err, "services", "a service has no port, or no protocol");
	return 0;
}

int route_make(const struct route_message *message, struct route *ret_route, struct error *err)
{
	bool alias = message->owner[0] != '\0';
	struct route route = { .ipv4 = message->ipv4, .port = message->port, .protocol = message->protocol,
			       .service_count = message->service_count };

	snprintf(route.realm, sizeof route.realm, "%s", message->realm);
	if (!hostcfg_name_valid(message->label, alias))
		return error_field(err, "label", alias ? "not a host name" : "not a host label");
	if (alias && !hostcfg_name_valid(message->owner, false))
		return error_field(err, "owner", "not a host label");
	if (message->port == 0 || message->protocol >= ROUTE_PROTOCOLS)
		return error_field(err, "port", "port 0, or no protocol");
	if (message->service_count > ROUTE_SERVICES_MAX || (alias && message->service_count > 0))
		return error_field(err, "services", "too many services");
	for (size_t i = 0; i < message->service_count; i++)
		if (service_check(&message->services[i], err) == -1)
			return -1;
	/* The longest key has a service's name behind it. */
	if (!alias && strlen(message->label) + SERVICE_TEXT > LABEL_TEXT - 1)
		return error_field(err, "label", "too long for services");
	route.label = strdup(message->label);
	if (alias)
		route.owner = strdup(message->owner);
	if (route.service_count > 0)
		route.services = malloc(route.service_count * sizeof *route.services);
	if (route.label == NULL || (alias && route.owner == NULL) || (route.service_count > 0 && route.services == NULL)) {
		route_free(&route);
		return error_set(err, ENOMEM, "no memory for a route");
	}
	if (route.services != NULL)
		memcpy(route.services, message->services, route.service_count * sizeof *route.services);
	*ret_route = route;
	return 0;
}

void route_free(struct route *route)
{
	free(route->label);
	free(route->owner);
	free(route->services);
	*route = (struct route){ 0 };
}

void route_ids(const struct route *route, char project[ID_TEXT], char container[ID_TEXT])
{
	const char *label = route->owner != NULL ? route->owner : route->label;

	snprintf(project, ID_TEXT, "%.24s", label);
	snprintf(container, ID_TEXT, "%.24s", strlen(label) > ID_TEXT ? label + ID_TEXT : "");
}

/* Whether its own port is among its services: then the entry is theirs. */
static bool port_listed(const struct route *route)
{
	for (size_t i = 0; i < route->service_count; i++)
		if (route->services[i].port == route->port)
			return true;
	return false;
}

static void value_print(const struct route *route, uint16_t port, uint8_t protocol, const char *service, char value[ROUTE_VALUE_TEXT])
{
	char project[ID_TEXT], container[ID_TEXT];
	static const char letters[ROUTE_PROTOCOLS] = { [ROUTE_HTTP] = 'h', [ROUTE_HTTPS] = 's', [ROUTE_H2C] = '2', [ROUTE_WEBSOCKET] = 'w' };
	char address[INET_ADDRSTRLEN];
	struct in_addr in = { .s_addr = route->ipv4 };

	inet_ntop(AF_INET, &in, address, sizeof address);
	route_ids(route, project, container);
	int size = snprintf(value, ROUTE_VALUE_TEXT, "%s:%u:%c:%c:%s:%s:%s:", address, port, letters[protocol], route->guarded ? 'g' : 'o', route->realm, project,
			    container);
	if (*service != '\0')
		snprintf(value + size, ROUTE_VALUE_TEXT - (size_t)size, "%s", service);
	else
		snprintf(value + size, ROUTE_VALUE_TEXT - (size_t)size, "%u", port);
}

bool route_entry(const struct route *route, size_t number, char key[ROUTE_KEY_TEXT], char value[ROUTE_VALUE_TEXT])
{
	if (number == 0) {
		snprintf(key, ROUTE_KEY_TEXT, "%s", route->label);
		value_print(route, route->port, route->protocol, "", value);
		return true;
	}
	if (route->owner != NULL)
		return false;
	number--;
	for (size_t i = 0; i < route->service_count; i++) {
		const struct route_service *service = &route->services[i];
		for (int named = service->name[0] != '\0'; named >= 0; named--, number--) {
			if (number > 0)
				continue;
			if (named)
				snprintf(key, ROUTE_KEY_TEXT, "%s-%s", route->label, service->name);
			else
				snprintf(key, ROUTE_KEY_TEXT, "%s-%u", route->label, service->port);
			value_print(route, service->port, service->protocol, service->name, value);
			return true;
		}
	}
	if (number > 0 || port_listed(route))
		return false;
	snprintf(key, ROUTE_KEY_TEXT, "%s-%u", route->label, route->port);
	value_print(route, route->port, route->protocol, "", value);
	return true;
}

/* The place of label, or where it belongs. */
static size_t route_table_place(const struct route_table *table, const char *label, bool *ret_found)
{
	size_t low = 0, high = table->count;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(label, table->routes[middle].label);
		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const struct route *route_table_find(const struct route_table *table, const char *label)
{
	bool found;
	size_t place = route_table_place(table, label, &found);

	return found ? &table->routes[place] : NULL;
}

/* A service of a container by its port; by its name, if it is not NULL. */
static const struct route_service *service_find(const struct route *route, const char *name, uint16_t port)
{
	for (size_t i = 0; i < route->service_count; i++)
		if (name != NULL ? strcmp(route->services[i].name, name) == 0 && *name != '\0' : route->services[i].port == port)
			return &route->services[i];
	return NULL;
}

const struct route *route_table_seek(const struct route_table *table, const char *key, const char **ret_service, uint16_t *ret_port)
{
	const struct route *route = route_table_find(table, key);
	const struct route_service *service = NULL;
	uint16_t port = route == NULL ? 0 : route->port;
	char label[HOST_TEXT];

	/* "<label>-<name or port>": a name may have hyphens, too. */
	for (const char *dash = route == NULL ? strchr(key, '-') : NULL; dash != NULL && route == NULL; dash = strchr(dash + 1, '-')) {
		snprintf(label, sizeof label, "%.*s", (int)(dash - key), key);
		route = route_table_find(table, label);
		if (route == NULL || route->owner != NULL) {
			route = NULL;
			continue;
		}
		service = service_find(route, dash + 1, 0);
		port = service != NULL ? service->port : (uint16_t)strtoul(dash + 1, NULL, 10);
	}
	if (route != NULL && route->owner != NULL)
		route = route_table_find(table, route->owner);
	if (route == NULL)
		return NULL;
	if (service == NULL)
		service = service_find(route, NULL, port);
	*ret_service = service == NULL ? "" : service->name;
	*ret_port = port;
	return route;
}

static int room_make(struct route_table *table, struct error *err)
{
	size_t room = table->room == 0 ? 64 : table->room * 2;

	if (table->count == ROUTES_MAX)
		return error_set(err, ENOSPC, "the route table is full (%d routes)", ROUTES_MAX);
	if (table->count < table->room)
		return 0;
	struct route *larger = reallocarray(table->routes, room, sizeof *larger);
	if (larger == NULL)
		return error_set(err, ENOMEM, "no memory for a route");
	table->routes = larger;
	table->room = room;
	return 0;
}

const struct route *route_table_set(struct route_table *table, struct route *route, struct route *ret_before, struct error *err)
{
	bool found;
	size_t place = route_table_place(table, route->label, &found);

	*ret_before = (struct route){ 0 };
	if (found) {
		*ret_before = table->routes[place];
	} else if (room_make(table, err) == -1) {
		route_free(route);
		return NULL;
	} else {
		memmove(&table->routes[place + 1], &table->routes[place], (table->count - place) * sizeof *route);
		table->count++;
	}
	table->routes[place] = *route;
	*route = (struct route){ 0 };
	return &table->routes[place];
}

bool route_table_remove(struct route_table *table, const char *label)
{
	bool found;
	size_t place = route_table_place(table, label, &found);

	if (!found)
		return false;
	route_free(&table->routes[place]);
	table->count--;
	memmove(&table->routes[place], &table->routes[place + 1], (table->count - place) * sizeof table->routes[0]);
	return true;
}

const struct route *route_table_owned(const struct route_table *table, const char *owner, size_t *place)
{
	for (; *place < table->count; (*place)++)
		if (table->routes[*place].owner != NULL && strcmp(table->routes[*place].owner, owner) == 0)
			return &table->routes[*place];
	return NULL;
}

void route_table_clear(struct route_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		route_free(&table->routes[i]);
	free(table->routes);
	*table = (struct route_table){ 0 };
}
