/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/traffic.h"

#include <stddef.h>
#include <stdio.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

#define RATE_MOST INT64_C(10000000000) /* the kernel counts nanoseconds for it in 64 bits */

/* The least is what lets a container still work: a packet of a link's size passes. */
static const struct {
	const char *name;
	int64_t least, most;
} kinds[TRAFFIC_KINDS] = {
	[TRAFFIC_CONNECTIONS] = { "connections", 1, 65536 },
	[TRAFFIC_NEW] = { "new_per_second", 1, 1000000 },
	[TRAFFIC_EGRESS] = { "egress_rate", 10000, RATE_MOST },
	[TRAFFIC_INGRESS] = { "ingress_rate", 10000, RATE_MOST },
};

const char *traffic_name(enum traffic_kind kind)
{
	return kinds[kind].name;
}

int traffic_read(json_t *object, const char *path, struct traffic *ret_traffic, struct error *err)
{
	int64_t values[TRAFFIC_KINDS] = { 0 };
	struct json_field fields[TRAFFIC_KINDS];

	for (size_t i = 0; i < TRAFFIC_KINDS; i++) {
		fields[i] = (struct json_field){ kinds[i].name, JSON_KIND_INTEGER, false, kinds[i].least, kinds[i].most, &values[i], NULL };
		json_drop_null(object, kinds[i].name);
	}
	if (json_read(object, path, fields, TRAFFIC_KINDS, err) == -1)
		return -1;
	for (size_t i = 0; i < TRAFFIC_KINDS; i++)
		ret_traffic->limits[i] = (uint64_t)values[i];
	return 0;
}

json_t *traffic_json(const struct traffic *traffic)
{
	json_t *object = json_object();

	for (size_t i = 0; i < TRAFFIC_KINDS; i++)
		json_object_set_new(object, kinds[i].name, traffic->limits[i] == 0 ? json_null() : json_integer((json_int_t)traffic->limits[i]));
	return object;
}

void traffic_narrow(struct traffic *traffic, const struct traffic *by)
{
	for (size_t i = 0; i < TRAFFIC_KINDS; i++)
		if (by->limits[i] != 0 && (traffic->limits[i] == 0 || by->limits[i] < traffic->limits[i]))
			traffic->limits[i] = by->limits[i];
}

bool traffic_none(const struct traffic *traffic)
{
	for (size_t i = 0; i < TRAFFIC_KINDS; i++)
		if (traffic->limits[i] != 0)
			return false;
	return true;
}
