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

struct error;
struct store;

/*
 * Decides for a container that does not run and is about to, inside the
 * transaction that wants it. Who runs, or may still, keeps what it has; who was
 * stopped or failed loses its claim to the one that starts now.
 */
int merge_decide(struct store *store, const char *id, struct error *err);

#endif
