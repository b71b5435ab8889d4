/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * merge: which containers may opt in to page merging (KSM). The kernel merges
 * across everything that opted in, so at any time that is one realm, or realms
 * that all agreed to share with the host's others (`sharing` host).
 *
 * It holds for all rows with merge = 1, whether they run or not: any of them may
 * be started again as it is, by a new engine or after a power cut.
 */
#ifndef BULKHEAD_API_MERGE_H
#define BULKHEAD_API_MERGE_H

#include <stdint.h>

struct error;
struct store;

/*
 * Decides for a container that does not run and is about to, inside the
 * transaction that wants it. Who runs, or may still, keeps what it has; who was
 * stopped or failed loses its claim to the one that starts now.
 */
int merge_decide(struct store *store, const char *id, struct error *err);

/*
 * What the engine is told of a container: its row says 1, and nothing has come in
 * between (found unprofitable, another `sharing` of its realm) that speaks against it. A
 * container that runs keeps what it has all the same.
 */
int merge_now(struct store *store, const char *id, int64_t *ret_merge, struct error *err);

/* Words of the engine; what goes wrong is logged. It runs without having opted in: its claim is void. */
void merge_take_unmerged(struct store *store, const char *id);

/* It gains nothing: it is started without merging until `sharing` of its realm is set anew. */
void merge_take_unprofitable(struct store *store, const char *id);

#endif
