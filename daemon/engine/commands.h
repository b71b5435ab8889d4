/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commands: rules as commands of nft(8), for firewall_run(). Numbers, addresses and
 * ids of hex digits are all that of a client goes into them.
 */
#ifndef BULKHEAD_COMMANDS_H
#define BULKHEAD_COMMANDS_H

#include <stdint.h>

#include "daemon/engine/firewall.h"

struct ruleset;

#define COMMANDS_TABLE "inet " FIREWALL_TABLE " "

/*
 * Makes the chains e_NAME and i_NAME for egress and ingress, a counter for each rule, with
 * a limit of connections set and counter f_NAME for those of each link and those refused. Free it; NULL without memory. name: hex digits; groups:
 * marks of all rules' peers but address sets, one after the other (group.h).
 */
char *commands_of_class(const struct ruleset *set, const char *name, const uint32_t *groups);

#endif
