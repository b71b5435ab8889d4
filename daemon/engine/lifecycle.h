/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lifecycle: containers start, run and end. Each step answers through the two
 * callbacks below; none blocks the loop.
 *
 *   STOPPED/FAILED -> STARTING (helper of start.h) -> RUNNING -> STOPPING -> STOPPED
 *
 * Opening: firewall elements, then the helper. Closing, in the order of the
 * design: element `live` out, host sockets destroyed, cgroup killed, conntrack
 * emptied; then the end is told, and link and groups are cleaned up: a start or a removal
 * that is asked for meanwhile waits for that. A container whose processes
 * outlive SIGKILL (the kernel holds them) stays STOPPING; who waits is answered
 * ETIMEDOUT.
 */
#ifndef BULKHEAD_LIFECYCLE_H
#define BULKHEAD_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

struct container;
struct error;
struct hostcfg;
struct loop;
struct runtime_state;

/* How lifecycle speaks to api; err NULL: success; serial 0: nobody waits. */
typedef void lifecycle_answer_cb(uint64_t serial, const struct error *err);
typedef void lifecycle_state_cb(const struct container *container, const char *message);

/* Must be called before the rest; cfg is kept by reference. */
int lifecycle_init(struct loop *loop, const struct hostcfg *cfg, lifecycle_answer_cb *answer,
		   lifecycle_state_cb *state, struct error *err);

/*
 * Takes over a container that an earlier engine started: its pidfds become the
 * container's. monitor -1: it has ended, or never ran; what it left is cleaned up.
 */
void lifecycle_found(struct container *container, int monitor, int init, const struct runtime_state *state);

/* serial 0: nobody waits. -1: not begun, no answer will come. */
int lifecycle_start(struct container *container, uint64_t serial, struct error *err);
int lifecycle_stop(struct container *container, uint32_t timeout_ms, uint64_t serial, struct error *err);
int lifecycle_revoke(struct container *container, uint64_t serial, struct error *err);

/* Holds the processes of a running container, or lets them go on. EBUSY: it does not run. A stop lets them go on first. */
int lifecycle_freeze(struct container *container, bool frozen, struct error *err);

/* Forgets a stopped container and removes its folder from disk (removal.h). Takes an unknown id too. */
int lifecycle_delete(const char *id, uint64_t serial, struct error *err);

#endif
