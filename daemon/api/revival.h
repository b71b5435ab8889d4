/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * revival: starts a container again that ended by itself or could not be started, if its row's restart
 * says so: after a second, then two, four and so on to a minute. One that ran for
 * a minute begins afresh. What waits is in memory: when api or the host starts anew,
 * every container that is wanted is started anyhow (sync.h).
 */
#ifndef BULKHEAD_REVIVAL_H
#define BULKHEAD_REVIVAL_H

struct api;
struct container_state_message;
struct error;

/* Of a container, as its row has it. */
enum revival_policy {
	REVIVAL_NO,
	REVIVAL_ON_FAILURE, /* its init ended with another status than 0, or it could not be started */
	REVIVAL_ALWAYS,
};

int revival_init(struct api *api, struct error *err);

/* An event of the engine, after runtime_take(). */
void revival_see(const struct container_state_message *state);

#endif
