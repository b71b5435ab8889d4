/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/route_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"

bool route_label_valid(const char *label)
{
	size_t size = strlen(label);

	if (size == 0 || size > LABEL_TEXT - 1 || label[0] == '-' || label[size - 1] == '-')
		return false;
	for (size_t i = 0; i < size; i++)
		if (!((label[i] >= 'a' && label[i] <= 'z') || (label[i] >= '0' && label[i] <= '9') || label[i] == '-'))
			return false;
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

int route_table_set(struct route_table *table, const struct route *route, enum route_change *ret_change,
		    struct error *err)
{
	bool found;
	size_t place = route_table_place(table, route->label, &found);

	if (found) {
		struct route *old = &table->routes[place];
		*ret_change = old->ipv4 == route->ipv4 && old->port == route->port ? ROUTE_SAME : ROUTE_CHANGED;
		*old = *route;
		return 0;
	}
	if (table->count == ROUTES_MAX)
		return error_set(err, ENOSPC, "the route table is full (%d routes)", ROUTES_MAX);
	if (table->count == table->room) {
		size_t room = table->room == 0 ? 64 : table->room * 2;
		struct route *larger = reallocarray(table->routes, room, sizeof *larger);
		if (larger == NULL)
			return error_set(err, ENOMEM, "no memory for a route");
		table->routes = larger;
		table->room = room;
	}
	memmove(&table->routes[place + 1], &table->routes[place], (table->count - place) * sizeof *route);
	table->routes[place] = *route;
	table->count++;
	*ret_change = ROUTE_ADDED;
	return 0;
}

bool route_table_remove(struct route_table *table, const char *label)
{
	bool found;
	size_t place = route_table_place(table, label, &found);

	if (!found)
		return false;
	table->count--;
	memmove(&table->routes[place], &table->routes[place + 1],
		(table->count - place) * sizeof table->routes[0]);
	return true;
}

void route_table_clear(struct route_table *table)
{
	free(table->routes);
	*table = (struct route_table){ 0 };
}
