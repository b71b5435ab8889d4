/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * asking: a question of HAProxy about one request, from its frame to its answer. It may wait: for a password to be compared,
 * and until the request is on record, where its realm wants that (ledger.h).
 */
#ifndef BULKHEAD_GATE_ASKING_H
#define BULKHEAD_GATE_ASKING_H

#include <stdbool.h>

#include "daemon/gate/agent.h"
#include "daemon/gate/spop.h"

struct feed;
struct rulebook;

/* Where routes and documents are; *known: the documents have come. All are kept by reference. */
void asking_init(struct feed *feed, const struct rulebook *book, const bool *known);

/* Answers, now or later. False: the connection is gone. */
bool asking_take(struct connection *connection, const struct spop_frame *frame);

/* It is not answered any more. */
void asking_forget(const struct connection *connection);

#endif
