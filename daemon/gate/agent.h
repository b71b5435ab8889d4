/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * agent: HAProxy asks here whether a request at a protected URL may go on (spop.h). Without an answer it may not.
 *
 * The answer sets variables: verdict, group, identity; strip (true: Authorization goes), cookie and query (what takes
 * their place).
 */
#ifndef BULKHEAD_AGENT_H
#define BULKHEAD_AGENT_H

#include "daemon/gate/rulebook.h"

struct error;
struct feed;
struct loop;

/* Takes the listening socket over. While *book is not known, nothing is answered. */
int agent_open(struct loop *loop, int listening, struct feed *feed, const struct rulebook *book, const bool *known, struct error *err);

#endif
