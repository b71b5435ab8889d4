/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container: the table of containers that the engine knows, and the checks that
 * a container passes before anything is done for it.
 */
#ifndef BULKHEAD_CONTAINER_H
#define BULKHEAD_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/engine/governor.h"
#include "daemon/lib/protocol.h"

struct error;
struct hostcfg;
struct loop_source;

enum { CONTAINERS_MAX = 16384 };

/* An answer that is owed. */
struct waiter {
	struct waiter *next;
	uint64_t serial;
};

struct container {
	struct container *next;
	struct container_message message;
	enum container_state state;
	bool queued;       /* STARTING, but its helper has not been forked yet */
	bool revoked;      /* killed for good: it is not started again */
	bool forget;       /* deleted, or not in api's list: removed from disk when it has ended and is clean */
	bool again;        /* to be started when it has ended */
	bool killed;       /* by us, since its last start */
	uint64_t start_ms;
	int32_t exit_status;
	bool frozen;       /* its processes are held, see cgroup_freeze(); false unless it runs */
	unsigned held;     /* copies that it is held for, see copies.h */
	pid_t init;
	int monitor_fd, init_fd, result_fd; /* -1 unless open; pidfds, and the helper's result socket */
	struct loop_source *helper, *monitor, *timer;
	struct loop_source *cleaner; /* what it left is being cleaned up: no start, no removal meanwhile */
	unsigned tries;    /* looks at whether its processes are gone */
	char failure[384]; /* why the start failed, or "" */
	struct governor_trial trial; /* of what merging brings it */
	struct waiter *start_waiters, *end_waiters, *delete_waiters;
};

struct container *container_first(void);

/* NULL if unknown. */
struct container *container_find(const char *id);

/*
 * Adds a stopped container. NULL with err when it does not pass
 * container_check() or the table is full.
 */
struct container *container_add(const struct container_message *message, const struct hostcfg *cfg, struct error *err);

/* Takes it out of the table and frees it; it must be stopped, nobody waits. */
void container_forget(struct container *container);

/* True if it is stopped or failed: nothing of it lives. */
bool container_idle(const struct container *container);

/* How many are running or on their way. */
unsigned container_running(void);

/* True if a container of the realm is running or on its way. */
bool container_realm_busy(const char *realm);

/* True if any known container is built on the layer. One that was revoked needs it no more. */
bool container_uses(const char *digest);

/*
 * Checks every value of a message, and that ids, addresses and link name are
 * not another container's. err->field names the member.
 */
int container_check(const struct container_message *message, const struct hostcfg *cfg, struct error *err);

int waiter_add(struct waiter **list, uint64_t serial, struct error *err);

/* Answers all and empties the list; err NULL: success. */
void waiters_answer(struct waiter **list, void (*answer)(uint64_t serial, const struct error *err),
		    const struct error *err);

#endif
