/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netset: the address sets that rules may name, in the kernel and here. What the
 * kernel has of them outlives the engine; a new one is told all anew.
 */
#ifndef BULKHEAD_NETSET_H
#define BULKHEAD_NETSET_H

#include <stdbool.h>

#include "daemon/lib/address_set.h"

struct error;

/* A set's addresses are these from now on, for packets at once and whole or not at all; takes set over in any case. */
int netset_set(const char *id, struct address_set *set, struct error *err);

/* Unknown: nothing to do. It fails while a rule names it. */
int netset_forget(const char *id, struct error *err);

/* Between them every set is named; the others are forgotten here. In the kernel they go with the sweep (sweep.h). */
void netset_list_begin(void);
void netset_list_end(void);

bool netset_known(const char *id);

/* rule_set_holds_cb. */
bool netset_holds(const char *id, const struct cidr *address, void *data);

#endif
