/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * subject: a container as the firewall has it: one element of map `class` leads its
 * link to the chains of its rules (class.h), others say in which groups it is
 * (group.h) and which ports of the host lead to it.
 *
 * Chains and elements outlive the engine. A new one is told all rules anew, writes
 * each class once, and removes what was not named.
 */
#ifndef BULKHEAD_SUBJECT_H
#define BULKHEAD_SUBJECT_H

#include <stdint.h>

#include "daemon/lib/rule.h"

struct error;
struct ruleset;

/* Where a container is. */
struct subject_place {
	struct rule_groups groups;
	uint32_t ipv4; /* network byte order */
	uint8_t ipv6[16];
};

/*
 * Puts rules in force for a container, at once and whole or not at all; takes set over
 * in any case. Flows that stand and that the rules do not allow any more are ended.
 */
int subject_apply(const struct subject_place *where, struct ruleset *set, struct error *err);

/* Without rules nothing of it passes. Unknown: nothing to do. */
void subject_forget(const char *id);

/* Between them every container is named that has rules; the others are forgotten, and what an earlier engine left is removed. */
void subject_sweep_begin(void);
void subject_sweep_end(void);

/* Packets and bytes of a container's rules, and of what its limits have dropped: {"<rule>": [packets, bytes], "connections": ...}. A file; -1 with err. */
int subject_count(const char *id, struct error *err);

#endif
