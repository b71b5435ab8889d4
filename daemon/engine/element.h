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

/* Marks that decide what a link may do: of its class (class.h), and of the groups that it is in (group.h). 0: not there. */
struct element_marks {
	uint32_t class, container, project, realm;
};

/* From one packet to the next; groups of before that are other ones are left. */
int element_marks_set(const char *link, const struct element_marks *before, const struct element_marks *now, struct error *err);

/* Counts the elements of set `live`; -1 with err if the table is not there (ENOENT). For status only. */
int element_count(uint32_t *ret_count, struct error *err);

#endif
