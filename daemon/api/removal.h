/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * removal: the end of a container that has its tombstone: its route, then the
 * engine's revocation, then the answer 204, then the slow cleaning, and last the
 * row. What is cut off stays in the store and is gone on with.
 */
#ifndef BULKHEAD_API_REMOVAL_H
#define BULKHEAD_API_REMOVAL_H

struct api;
struct request;

/* request may be NULL. -1: it came to a halt at once, which is logged and answered; removal_resume() comes back to it. */
int removal_begin(struct api *api, const char *id, struct request *request);

/* Goes on with every removal that nobody is at, up to the first that fails at once: then the others would, too. */
void removal_resume(struct api *api);

#endif
