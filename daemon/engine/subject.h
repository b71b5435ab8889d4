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

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/engine/address.h"
#include "daemon/engine/element.h"
#include "daemon/lib/ruleset.h"

struct class;
struct error;

/* Where a container is. */
struct subject_place {
	struct rule_groups groups;
	uint32_t ipv4; /* network byte order */
	uint8_t ipv6[16];
};

struct subject {
	struct subject *next;
	struct subject_place where;
	char link[LINK_TEXT];       /* the host's end */
	struct element_marks marks; /* as the kernel has them; its groups are held */
	struct class *class;        /* NULL: its rules could not be put in force */
	struct published ports[RULESET_PORTS_MAX];
	size_t port_count;
	struct traffic traffic; /* of a new one none: what an earlier engine may have left goes with the sweep, or at once */
	bool seen; /* by the sweep under way */
};

/*
 * Puts rules in force for a container, at once and whole or not at all; takes set over
 * in any case. Flows that stand and that the rules do not allow any more are ended.
 */
int subject_apply(const struct subject_place *where, struct ruleset *set, struct error *err);

/* The link of a container has just been made: it gets its rates. */
int subject_link_made(const char *link, struct error *err);

/* Without rules nothing of it passes. Unknown: nothing to do. */
void subject_forget(const char *id);

/* Between them every container is named that has rules; the others are forgotten. What an earlier engine left is for sweep.h. */
void subject_list_begin(void);
void subject_list_end(void);

/* NULL: none. */
const struct subject *subject_of_link(const char *link);
const struct subject *subject_of_address(const struct in6_addr *address); /* of IPv4 mapped (RFC 4291, 2.5.5.2) */

/* Whether this port of the host leads to any. */
bool subject_publishes(const struct published *port);

/* The addresses of a set have changed: ends the flows that rules which name it do not allow any more. -1 with err. */
int subject_review_set(const char *id, struct error *err);

/* Packets and bytes of a container's rules, and what its limits have done (throttle.h, shaper.h): {"<rule>": [packets, bytes], "connections": ..., "names": {"<pattern>": {"<address>": seconds left}}}. A file; -1 with err. */
int subject_count(const char *id, struct error *err);

#endif
