/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * network: brings up the ports of the host as the host config says, without
 * waiting for anything, and follows ports that come, go or change.
 */
#ifndef BULKHEAD_NETWORK_H
#define BULKHEAD_NETWORK_H

#include <jansson.h>
#include <stdint.h>

#include "daemon/lib/hostcfg.h"

struct loop;

/* Starts following; nothing is configured before network_configure(). Problems are notices. */
void network_start(struct loop *loop);

/*
 * Applies cfg, borrowed until the next call, to every port there is and will be.
 * Called again with another config it drops the leases of the one before.
 */
void network_configure(const struct hostcfg *cfg);

/* The ports with their addresses, for the status. NULL: no memory. */
json_t *network_report(void);

/*
 * Ends the DHCP clients and starts them in the OS root, where their files stay.
 * Addresses and routes are left as they are.
 */
void network_hand_over(const char *root);

#endif
