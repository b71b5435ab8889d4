/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * routes: what leads to a container from outside, as the gate is told: its URLs, and the
 * aliases that lead to them.
 */
#ifndef BULKHEAD_API_ROUTES_H
#define BULKHEAD_API_ROUTES_H

#include "daemon/api/peer.h"
#include "daemon/lib/protocol.h"

struct api;
struct error;

/* Of a container, also of a tombstone. ENOENT: there is none. */
int route_fill(struct api *api, const char *id, struct route_message *message, struct error *err);

/* Of an alias. ENOENT: there is none; EINVAL: its container does not have the service any more. */
int route_fill_alias(struct api *api, const char *id, struct route_message *message, struct error *err);

/*
 * Tells the gate all of them. cb is called once, with the first failure, when all is in
 * force; -1 with err: nothing was told, and cb is not called.
 */
int routes_set(struct api *api, const char *id, peer_answer_cb *cb, void *data, struct error *err);

/* One alias; the same way. */
int routes_set_alias(struct api *api, const char *id, peer_answer_cb *cb, void *data, struct error *err);

/* Tells the gate that a container (with the aliases that lead to it), or an alias, has no route; label as the gate has it. */
int routes_forget(struct api *api, const char *label, peer_answer_cb *cb, void *data, struct error *err);

/* Ends what the proxy has open to ports of a container that none of its URLs leads to; the same way. */
int routes_cut(struct api *api, const char *id, peer_answer_cb *cb, void *data, struct error *err);

/* The label that the gate has for an alias's host name: "shop" for "shop.<domain>", else the whole name. */
void routes_alias_label(struct api *api, const char *host, char label[HOST_TEXT]);

#endif
