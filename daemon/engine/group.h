/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group: the containers, projects and realms of the firewall, each a packet mark of
 * its own: set `members` of table inet bulkhead says which links are in it.
 */
#ifndef BULKHEAD_GROUP_H
#define BULKHEAD_GROUP_H

#include <stdint.h>

#include "daemon/lib/hex.h"

struct error;

/*
 * The mark of an id, never 0; no other id has it while somebody holds this one. The
 * same for the next engine, unless two ids meet. 0 with err: no memory.
 */
uint32_t group_hold(const char id[ID_TEXT], struct error *err);

/* Whoever held it lets go once. */
void group_drop(uint32_t mark);

#endif
