/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netset: the address sets that rules may name, here and in the kernel, where each
 * content is a pair of sets of its own, named after it: other addresses are other sets,
 * and rules are led from the one to the other. They outlive the engine; the next one
 * finds those whose content is the same.
 */
#ifndef BULKHEAD_NETSET_H
#define BULKHEAD_NETSET_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/lib/address_set.h"

struct error;

enum { NETSET_NAME = 48 };

/* Leads the rules that name a set to what netset_name() says now. */
typedef int netset_use_cb(const char *id, struct error *err);

/*
 * A set's addresses are these from now on: once the kernel has them, use is called. What
 * fails leaves all as it was. Takes set over in any case.
 */
int netset_set(const char *id, struct address_set *set, netset_use_cb *use, struct error *err);

/* Unknown: nothing to do. It fails while a rule names it. */
int netset_forget(const char *id, struct error *err);

/* Between them every set is named; the others are forgotten here. In the kernel they go with the sweep (sweep.h). */
void netset_list_begin(void);
void netset_list_end(void);

/* What the kernel has of AF_INET or AF_INET6; false: there is no such set. */
bool netset_name(const char *id, uint8_t family, char name[NETSET_NAME]);

/* Whether the kernel's set of this name is one of an address set, and whether that is one now. */
bool netset_named(const char *name);
bool netset_present(const char *name);

/* rule_set_holds_cb. */
bool netset_holds(const char *id, const struct cidr *address, void *data);

#endif
