/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disposal: a container's files go from disk.
 */
#ifndef BULKHEAD_DISPOSAL_H
#define BULKHEAD_DISPOSAL_H

#include <stdint.h>

#include "daemon/engine/lifecycle.h"

struct container;
struct error;
struct loop;

/*
 * Removes the folder of a container that is in no table any more. The answer
 * comes when the last file has gone, or with an error when one could not: its ids
 * are still on disk then, and the same call tries again. -1: not begun, no answer.
 */
int disposal_begin(struct loop *loop, const char *id, uint64_t serial, lifecycle_answer_cb *answer, struct error *err);

/* Takes the container out of the table, frees it, and removes its folder for each of its delete_waiters, or for nobody. */
void disposal_asked(struct loop *loop, struct container *container, lifecycle_answer_cb *answer);

#endif
