/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: figures of one container, asked of the engine.
 */
#ifndef BULKHEAD_API_USAGE_H
#define BULKHEAD_API_USAGE_H

#include "daemon/api/peer.h"

struct api;

/* cb gets MESSAGE_USAGE_REPLY. */
int usage_ask(struct api *api, const char *id, peer_answer_cb *cb, void *data, struct error *err);

#endif
