/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address_set: one address set of the store, for those who ask about it and for the
 * engine.
 */
#ifndef BULKHEAD_API_ADDRESS_SET_H
#define BULKHEAD_API_ADDRESS_SET_H

#include "daemon/api/peer.h"
#include "daemon/lib/address_set.h"

struct address_set_message;
struct api;
struct error;
struct store;

/* Its addresses; ENOENT: there is none. */
int address_set_of(struct store *store, const char *id, struct address_set *ret_set, struct error *err);

/* rule_set_holds_cb; data: the store. */
bool address_set_has(const char *id, const struct cidr *address, void *data);

/* Fills the engine's frame, and makes the file that goes with it, the caller's. */
int address_set_fill(struct store *store, const char *id, struct address_set_message *message, int *ret_fd, struct error *err);

/* Asks the engine to put its addresses in force, or to forget it. */
int address_set_ask(struct api *api, const char *id, int64_t timeout_ms, peer_answer_cb *cb, void *data, struct error *err);
int address_set_ask_gone(struct api *api, const char *id, peer_answer_cb *cb, struct error *err);

#endif
