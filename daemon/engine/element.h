/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * element: a container's entries in the sets of table inet bulkhead, added and
 * removed by raw netlink: one transaction, never a listing.
 */
#ifndef BULKHEAD_ELEMENT_H
#define BULKHEAD_ELEMENT_H

#include <stdbool.h>
#include <stdint.h>

struct error;

/* Adds link to `live`, and link with its addresses to `src4` and `src6`. What is there already stays. */
int element_add(const char *link, uint32_t ipv4, const uint8_t ipv6[16], struct error *err);

/* Removes them all: from here on no packet of the container passes. Missing ones are success. */
int element_remove(const char *link, uint32_t ipv4, const uint8_t ipv6[16], struct error *err);

/* Link's class (class.h) becomes that of mark, from one packet to the next. */
int element_class_set(const char *link, uint32_t mark, struct error *err);
int element_class_remove(const char *link, struct error *err);

/* Counts the elements of set `live`; -1 with err if the table is not there (ENOENT). For status only. */
int element_count(uint32_t *ret_count, struct error *err);

#endif
