/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * limits: what a container may take, as its control group's files say it
 * (kernel Documentation/admin-guide/cgroup-v2.rst), and its disk quota.
 */
#ifndef BULKHEAD_LIMITS_H
#define BULKHEAD_LIMITS_H

#include <stdint.h>

struct container_message;
struct error;

enum { LIMITS_COUNT = 8 };

struct limit {
	const char *file;
	char value[96]; /* "": none, and no word of it to a new group */
};

/* Those of the control group. */
void limits_make(const struct container_message *message, struct limit limits[LIMITS_COUNT]);

/* Bytes that its own folder may have: its limit less what it shares with others; 0: no limit. */
uint64_t limits_disk(const struct container_message *message);

/*
 * Puts them in force for a container that runs (or has files): limits that were
 * lowered below what it uses are refused, EBUSY with field, and nothing is
 * changed. old is what holds until now.
 */
int limits_change(const struct container_message *old, const struct container_message *wanted, struct error *err);

#endif
