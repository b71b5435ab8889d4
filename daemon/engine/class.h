/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * class: containers with the same rules share two chains of table inet bulkhead, one
 * for each direction; a container is one element of map `class` that leads there.
 * So what a packet costs does not grow with the number of containers, and a container
 * comes and goes without a new rule. Published ports are elements of maps, too.
 *
 * Chains and elements outlive the engine. A new one is told all rules anew, writes
 * each class once, and removes what was not named (class_sweep()).
 */
#ifndef BULKHEAD_CLASS_H
#define BULKHEAD_CLASS_H

#include <stdint.h>

#include "daemon/lib/hex.h"

struct error;
struct ruleset;

/* Where a container is. */
struct class_member {
	char id[ID_TEXT];
	uint32_t ipv4; /* network byte order */
	uint8_t ipv6[16];
};

/*
 * Puts rules in force for a container, at once and whole or not at all; takes set over
 * in any case. Flows that stand and that the rules do not allow any more are ended.
 */
int class_apply(const struct class_member *member, struct ruleset *set, struct error *err);

/* Without rules nothing of it passes. Unknown: nothing to do. */
void class_forget(const char *id);

/* Between them every container is named that has rules; the others are forgotten, and what an earlier engine left is removed. */
void class_sweep_begin(void);
void class_sweep_end(void);

/* Packets and bytes of a container's rules: {"<rule>": [packets, bytes]}. A file; -1 with err. */
int class_count(const char *id, struct error *err);

#endif
