/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

static const char *const protocols[ROUTE_PROTOCOLS] = {
	[ROUTE_HTTP] = "http", [ROUTE_HTTPS] = "https", [ROUTE_H2C] = "h2c", [ROUTE_WEBSOCKET] = "websocket",
};

/* A letter first: a number is a port. */
static bool name_valid(const char *name)
{
	size_t size = strlen(name);

	for (size_t i = 0; i < size; i++) {
		bool letter = name[i] >= 'a' && name[i] <= 'z', digit = name[i] >= '0' && name[i] <= '9';
		if (!(letter || (i > 0 && digit) || (i > 0 && i < size - 1 && name[i] == '-')))
			return false;
	}
	return size > 0;
}

static int service_read(json_t *object, const char *path, struct route_service *service, struct error *err)
{
	char protocol[16] = "http", field[64];
	int64_t port = 0;
	const struct json_field fields[] = {
		{ "name", JSON_KIND_STRING, false, 1, sizeof service->name - 1, service->name, NULL },
		{ "port", JSON_KIND_INTEGER, true, 1, 65535, &port, NULL },
		{ "protocol", JSON_KIND_STRING, false, 1, sizeof protocol - 1, protocol, NULL },
	};

	if (json_read(object, path, fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	service->port = (uint16_t)port;
	while (service->protocol < ROUTE_PROTOCOLS && strcmp(protocols[service->protocol], protocol) != 0)
		service->protocol++;
	if (service->protocol == ROUTE_PROTOCOLS) {
		snprintf(field, sizeof field, "%s.protocol", path);
		return error_field(err, field, "%s is not http, https, h2c or websocket", field);
	}
	if (service->name[0] != '\0' && !name_valid(service->name)) {
		snprintf(field, sizeof field, "%s.name", path);
		return error_field(err, field, "%s: a service's name has up to 13 lower-case letters, digits and inner hyphens, a letter first", field);
	}
	return 0;
}

int services_read(json_t *list, struct route_service *services, uint16_t *ret_count, struct error *err)
{
	size_t count = json_array_size(list);
	char path[32];

	if (count > ROUTE_SERVICES_MAX)
		return error_field(err, "services", "a container has at most %d services", ROUTE_SERVICES_MAX);
	for (size_t i = 0; i < count; i++) {
		json_t *object = json_array_get(list, i);
		snprintf(path, sizeof path, "services[%zu]", i);
		services[i] = (struct route_service){ .port = 0 };
		if (!json_is_object(object))
			return error_field(err, path, "%s is not an object", path);
		if (service_read(object, path, &services[i], err) == -1)
			return -1;
		for (size_t k = 0; k < i; k++) {
			if (services[k].port == services[i].port)
				return error_field(err, path, "%s has the port of another service", path);
			if (services[i].name[0] != '\0' && strcmp(services[k].name, services[i].name) == 0)
				return error_field(err, path, "%s has the name of another service", path);
		}
	}
	*ret_count = (uint16_t)count;
	return 0;
}

json_t *services_json(const struct route_service *services, uint16_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *object = json_pack("{s:i, s:s}", "port", services[i].port, "protocol", protocols[services[i].protocol]);
		if (services[i].name[0] != '\0')
			json_object_set_new(object, "name", json_string(services[i].name));
		json_array_append_new(list, object);
	}
	return list;
}

char *services_text(json_t *list)
{
	struct route_service services[ROUTE_SERVICES_MAX];
	struct error ignored = ERROR_INIT;
	uint16_t count = 0;

	if (services_read(list, services, &count, &ignored) == -1)
		return NULL;
	cleanup_json json_t *json = services_json(services, count);
	return json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
}

bool services_find(const struct route_message *route, const char *service, uint16_t *ret_port, uint8_t *ret_protocol)
{
	char *end = NULL;
	unsigned long number = service[0] >= '1' && service[0] <= '9' ? strtoul(service, &end, 10) : 0;
	uint16_t port = service[0] == '\0' ? route->port : end != NULL && *end == '\0' && number <= 65535 ? (uint16_t)number : 0;

	for (size_t i = 0; i < route->service_count; i++) {
		const struct route_service *own = &route->services[i];
		if (port == 0 ? strcmp(own->name, service) == 0 : own->port == port) {
			*ret_port = own->port;
			*ret_protocol = own->protocol;
			return true;
		}
	}
	*ret_port = port;
	*ret_protocol = ROUTE_HTTP;
	return port != 0 && port == route->port;
}
