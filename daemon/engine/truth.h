/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * truth: api sends the whole truth, a frame each; after the last one the engine
 * brings the host to it. protocol.h says when a list counts.
 *
 * What is removed is what a list does not name. So a list that was not seen
 * whole removes nothing, and a container that is named but cannot be taken
 * keeps its files.
 */
#ifndef BULKHEAD_TRUTH_H
#define BULKHEAD_TRUTH_H

#include <stdbool.h>

#include "daemon/engine/lifecycle.h"

struct container_id_message;
struct container_message;
struct error;
struct hostcfg;
struct image_message;
struct loop;

/* Before the rest. folder holds the containers' files, ENGINE_CONTAINERS; all are kept by reference. */
void truth_init(struct loop *loop, const struct hostcfg *cfg, const char *folder, lifecycle_state_cb *state);

/* api said HELLO: both lists begin afresh. */
void truth_begin(void);

/*
 * A request of api, not the list, has just named these: no list under way may
 * call them garbage, though it was made before.
 */
void truth_keep_image(const char *digest);
void truth_keep_container(const char *id);

/*
 * Takes one image of the list; digest "" ends it and removes all others. 0: go
 * on, 1: the end, -1 with err: the end of a list that had no effect, or not all of it.
 */
int truth_image(const struct image_message *image, struct error *err);

/* A snapshot, which is in the list of containers: its folder stays. */
void truth_snapshot(const struct container_id_message *snapshot);

/*
 * Takes one container of the list; id "" ends it: containers that were not
 * named are revoked and removed, the others brought to what they are wanted to
 * be, and the state of each is told. One that fails its check is told as FAILED
 * and left alone. Returns as truth_image() does.
 */
int truth_container(const struct container_message *known, struct error *err);

#endif
