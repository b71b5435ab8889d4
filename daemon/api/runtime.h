/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runtime: what the engine tells of containers, and what api itself is at with
 * them: table temp.runtime of the store, in memory only. A container without a
 * row, or with state -1, is one the engine has not told of yet.
 *
 * What goes wrong in the writers is logged: nobody could act on it.
 */
#ifndef BULKHEAD_API_RUNTIME_H
#define BULKHEAD_API_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/lib/protocol.h"

struct error;
struct store;

/* Makes the table; once, after store_open(). */
int runtime_open(struct store *store, struct error *err);

/* An event of the engine. */
void runtime_take(struct store *store, const struct container_state_message *state);

/* What api knows before the engine tells. A container that runs is not starting again. */
void runtime_set(struct store *store, const char *id, enum container_state state, const char *message);

/* The engine answered that it runs. Its event came before, or comes soon with more to tell. */
void runtime_started(struct store *store, const char *id);

/* The engine answered that it does not. If the event of that came before, it stays as that, or who saw it, has put it. */
void runtime_failed(struct store *store, const char *id, const char *message);

/* One stop more, or one less, is under way. */
void runtime_stop_begin(struct store *store, const char *id);
void runtime_stop_end(struct store *store, const char *id);

/* Somebody is at its removal, or nobody any more. */
void runtime_reaping(struct store *store, const char *id, bool reaping);

/* Its state, CONTAINER_STATE_STOPPING already when api has asked for a stop; -1 when it is not known. */
int runtime_state(struct store *store, const char *id, int64_t *ret_state, struct error *err);

#endif
