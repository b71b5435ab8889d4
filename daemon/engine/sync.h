/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync: api sends the whole truth, a frame each; after the last one the engine
 * brings the host to it.
 */
#ifndef BULKHEAD_SYNC_H
#define BULKHEAD_SYNC_H

#include <stdbool.h>

#include "daemon/engine/lifecycle.h"

struct container_message;
struct error;
struct hostcfg;
struct image_message;
struct loop;

/* Drops half-sent lists: api has started again. */
void sync_forget(void);

/*
 * Takes one image of the list; digest "" ends it and removes all others. 0: go
 * on, 1: done, -1 with err: the list is not usable, nothing was removed.
 */
int sync_image(struct loop *loop, const struct image_message *image, struct error *err);

/*
 * Takes one container of the list; id "" ends it: containers that were not
 * named are revoked and removed, the others brought to what they are wanted to
 * be, and the state of each is told. True when done. One that fails its check
 * is told as FAILED and left alone.
 */
bool sync_container(const struct container_message *known, const struct hostcfg *cfg, lifecycle_state_cb *state);

#endif
