/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * agent: HAProxy asks here whether a request at a protected URL may go on (spop.h). Without an answer it may not.
 *
 * The answer sets variables: verdict, group, identity; strip (true: Authorization goes), cookie and query (what takes
 * their place).
 */
#ifndef BULKHEAD_AGENT_H
#define BULKHEAD_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/gate/rulebook.h"

struct connection;
struct error;
struct feed;
struct loop;
struct spop_writer;

/* Takes the listening socket over. While *book is not known, nothing is answered. */
int agent_open(struct loop *loop, int listening, struct feed *feed, const struct rulebook *book, const bool *known, struct error *err);

/* To HAProxy, as soon as it takes it. False: the connection is gone. */
bool agent_send(struct connection *connection, const uint8_t *bytes, size_t size);

/* A frame that is made; it is wiped. */
bool agent_answer(struct connection *connection, struct spop_writer *writer);

#endif
