/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attempt: passphrases are tried one at a time, in the order they came. After a
 * wrong one the next waits, longer each time, whoever sends it; a right one
 * ends the waiting. There is no limit of tries.
 */
#ifndef BULKHEAD_ATTEMPT_H
#define BULKHEAD_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "initramfs/survey.h"
#include "initramfs/unlock.h"

struct loop;
struct secret;

enum { ATTEMPT_QUEUE_MAX = 8 };

struct attempt_success {
	uint64_t client;
	char origin[UNLOCK_ORIGIN_MAX];
	bool enrolled;      /* a new container was made */
	bool recovery_key;  /* opened by the recovery key */
	int64_t milliseconds; /* from start of the derivation to the open mapping */
};

struct attempt_hooks {
	/* What is known of the disk; borrowed. */
	const struct survey *(*survey)(void);
	void (*opened)(const struct attempt_success *success);
	/* An attempt found the disk other than the survey said. */
	void (*disk_changed)(void);
};

void attempt_init(struct loop *loop, const struct attempt_hooks *hooks);

/* Queues a passphrase, which is the queue's from now on. The client gets its result by server_send(). */
void attempt_add(uint64_t client, const char *origin, struct secret *passphrase, bool enroll, bool wipe);

/* For the status. */
unsigned attempt_failures(void);       /* in a row */
unsigned attempt_failures_total(void);
int64_t attempt_wait_ms(void);         /* until the next may be tried */
bool attempt_is_running(void);

#endif
