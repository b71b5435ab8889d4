/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * class: containers with the same rules share two chains of table inet bulkhead, one
 * for each direction, and a mark that leads to them in the maps `egress_of` and
 * `ingress_of`. So what a packet costs does not grow with the number of containers,
 * and a container comes and goes without a new rule (subject.h).
 */
#ifndef BULKHEAD_CLASS_H
#define BULKHEAD_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/engine/nameset.h"
#include "daemon/lib/ruleset.h"

struct error;

enum { CLASS_NAME = 17 };

struct class {
	struct class *next;
	char name[CLASS_NAME]; /* beginning of the rules' SHA-256: the chains are e_NAME and i_NAME */
	uint32_t mark;         /* of no other class */
	uint32_t *groups;      /* held: of all rules' peers but address sets, one after the other */
	size_t group_count;
	unsigned users;
	struct ruleset set;    /* published ports, and limits but that of connections, are the subjects' own */
};

/*
 * The class of these rules, written into the kernel if there is none; NULL with err.
 * A new one takes set's rules over, and leaves an empty set. class_put() when done.
 */
struct class *class_get(struct ruleset *set, struct error *err);

/* Leads a mark to the chains of a name in both maps; NULL: nowhere. */
int class_lead(uint32_t mark, const char *name, struct error *err);

/* The last who puts it takes it out of the kernel. NULL: nothing. */
void class_put(struct class *class);

/* NULL: none. */
const struct class *class_of_name(const char *name);
const struct class *class_of_mark(uint32_t mark);

/* Whether any class has this rule, or this pattern of names. */
bool class_has_rule(const char *id);
bool class_has_name(const char *pattern);

/* The kernel's sets of AF_INET (nameset.h) of all patterns, in no order; the caller frees them. NULL without memory. */
char (*class_name_sets(size_t *ret_count))[NAMESET_NAME];

/* Whether any of its rules names this address set. */
bool class_names_set(const struct class *class, const char *id);

/* Writes all classes that name the set anew, in one transaction: its kernel's name is another one (netset.h). */
int class_rewrite(const char *set, struct error *err);

/* Runs commands that take away what nobody uses; a failure is logged. */
void class_unused_remove(const char *commands);

#endif
