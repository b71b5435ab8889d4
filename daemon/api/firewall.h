/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall: telling the engine what holds for a container (document.h).
 */
#ifndef BULKHEAD_API_FIREWALL_H
#define BULKHEAD_API_FIREWALL_H

#include "daemon/api/peer.h"

struct api;
struct error;
struct rules_message;

/*
 * Fills the engine's frame for a container, and makes the file that goes with it,
 * the caller's; -1: it needs none. ENOENT: there is no such container.
 */
int firewall_fill(struct api *api, const char *id, struct rules_message *message, int *ret_fd, struct error *err);

/* Asks the engine to put a container's rules in force. */
int firewall_ask(struct api *api, const char *id, peer_answer_cb *cb, void *data, struct error *err);

/* Rules end by themselves; once, after store and engine are there. */
int firewall_init(struct api *api, struct error *err);

#endif
