/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync: the whole truth, told to a peer that has started: to the engine all
 * images and containers, to the gate all routes.
 *
 * A list may be longer than the channel takes, so it goes in slices from a timer,
 * each row as it is when it is its turn. Questions to the peer are held back
 * until the end (peer.h): what is made, started or deleted meanwhile, in front of
 * the walk or behind it, is asked after the peer knows all, and comes out right.
 * What fails is tried again from the same row; half a list is never ended,
 * because the peer would remove the other half.
 */
#ifndef BULKHEAD_API_SYNC_H
#define BULKHEAD_API_SYNC_H

struct api;
struct error;
struct peer;
struct sync;

/* For api->engine and api->gate. */
struct sync *sync_new_engine(struct api *api, struct error *err);
struct sync *sync_new_gate(struct api *api, struct error *err);
struct sync *sync_new_audit(struct api *api, struct error *err);

/* Begins, or begins anew. */
void sync_begin(struct sync *sync);

void sync_free(struct sync *sync); /* takes NULL */

#endif
