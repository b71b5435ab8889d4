/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address_set: many networks under one id, for rules to name (rule.h).
 *
 * Between processes and at rest it is an array of struct cidr: in order, by family and
 * then address, none within another.
 */
#ifndef BULKHEAD_ADDRESS_SET_H
#define BULKHEAD_ADDRESS_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/lib/rule.h"

struct error;

enum {
	ADDRESS_SET_MAX = 100000,
	ADDRESS_SET_TEXT_MAX = 8 << 20, /* of the list that a client sends */
};

struct address_set {
	size_t count;
	struct cidr *addresses; /* owned */
};

/*
 * A list as people exchange them: a network or address a line, behind "#" or ";" a
 * comment. What another one holds is left out. On -1 err->field names the line.
 */
int address_set_parse(const char *text, size_t size, struct address_set *ret_set, struct error *err);

/* The same list again, without comments. Free it; NULL without memory. */
char *address_set_text(const struct address_set *set, size_t *ret_size);

/* From what it is at rest, a copy; EBADMSG if that is not one. */
int address_set_load(const void *bytes, size_t size, struct address_set *ret_set, struct error *err);

/* What it is at rest: its addresses. */
size_t address_set_size(const struct address_set *set);

size_t address_set_count(const struct address_set *set, uint8_t family);

/* Whether one of them holds this one. */
bool address_set_holds(const struct address_set *set, const struct cidr *address);

void address_set_free(struct address_set *set); /* zeroed: nothing */

#endif
