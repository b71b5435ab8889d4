/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commands: rules as commands of nft(8), for firewall_run(). Numbers, addresses and
 * ids of hex digits are all that of a client goes into them.
 */
#ifndef BULKHEAD_COMMANDS_H
#define BULKHEAD_COMMANDS_H

#include <stdint.h>
#include <stdio.h>

#include "daemon/engine/firewall.h"
#include "daemon/lib/rule.h"

struct ruleset;

enum { COMMANDS_SET_NAME = 3 + ID_TEXT };

/* Names of what the kernel has of an address set, of AF_INET or AF_INET6, and the commands that make both, if they are not there yet. */
void commands_set_name(const char *id, uint8_t family, char name[COMMANDS_SET_NAME]);
void commands_of_set(FILE *out, const char *id);

#define COMMANDS_TABLE "inet " FIREWALL_TABLE " "

/*
 * Makes the chains e_NAME and i_NAME for egress and ingress, a counter for each rule, with
 * a limit of connections set and counter f_NAME for those of each link and those refused, and leads mark to them in the maps. Free it; NULL without memory. name: hex digits;
 * groups: marks of all rules' peers but address sets, one after the other (group.h).
 */
char *commands_of_class(const struct ruleset *set, const char *name, uint32_t mark, const uint32_t *groups);

#endif
