/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * access: from where the host itself is administered: {"ssh": [network, ...] | null,
 * "api": [...] | null}. null: from anywhere. Container URLs are not concerned.
 */
#ifndef BULKHEAD_ACCESS_H
#define BULKHEAD_ACCESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/lib/rule.h"

struct error;

enum { ACCESS_ADDRESSES_MAX = 64 };

struct access_list {
	bool limited; /* to these networks */
	size_t count;
	struct cidr addresses[ACCESS_ADDRESSES_MAX];
};

struct access {
	struct access_list ssh, api;
};

/* -1 with err->field. A list without a network would lock all out, and is refused. */
int access_read(json_t *object, struct access *ret_access, struct error *err);

/* As access_read() takes it; NULL without memory. */
json_t *access_json(const struct access *access);

/* Whether a list lets this address in. */
bool access_allows(const struct access_list *list, const struct cidr *address);

#endif
