/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identity: the key by which services can check who was let in to them; made once, and kept in the store. */
#ifndef BULKHEAD_API_IDENTITY_H
#define BULKHEAD_API_IDENTITY_H

#include "daemon/lib/protocol.h"

struct error;
struct store;

/* The caller wipes it. */
int identity_load(struct store *store, struct identity_key_message *ret_message, struct error *err);

#endif
