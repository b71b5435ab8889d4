/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * services: what of a container has URLs beside its default port: a list of
 * {"name", "port", "protocol"}. The URL of one has its name or its port in it.
 */
#ifndef BULKHEAD_API_SERVICES_H
#define BULKHEAD_API_SERVICES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/lib/protocol.h"

struct error;

/* Reads what a client sent into services[ROUTE_SERVICES_MAX]; list NULL: none. -1 with err->field. */
int services_read(json_t *list, struct route_service *services, uint16_t *ret_count, struct error *err);

/* The same in its normal form, as the store has it. NULL without memory. */
json_t *services_json(const struct route_service *services, uint16_t count);

/* The normal form of a list that services_read() has taken, as text; NULL without memory. The caller frees it. */
char *services_text(json_t *list);

/* What a service's name or port leads to, "": the default; false: nothing. */
bool services_find(const struct route_message *route, const char *service, uint16_t *ret_port, uint8_t *ret_protocol);

#endif
