/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status: what the agent knows, as JSON: for `bulkhead-unlock status`, and as the
 * boot record that the OS finds in /run/bulkhead/boot.json.
 */
#ifndef BULKHEAD_STATUS_H
#define BULKHEAD_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/lib/hostcfg.h"
#include "initramfs/attempt.h"
#include "initramfs/survey.h"

#define STATUS_BOOT_RECORD "/run/bulkhead/boot.json"

enum { STATUS_WARNINGS_MAX = 8 };

/* Milliseconds since the kernel started; 0: not yet. */
struct status_times {
	int64_t agent, disk, network, ssh, unlocked, hand_over;
};

struct status {
	const struct survey *survey;
	const struct hostcfg *cfg;
	char config_error[400]; /* "": the host config is sound */
	char warnings[STATUS_WARNINGS_MAX][300];
	unsigned warning_count;
	struct status_times times;
	bool unlocked;
	struct attempt_success by; /* when unlocked */
	int64_t unlocked_at;       /* seconds of the epoch, by the machine's clock */
	bool swap;
};

/* Adds a warning; the same one is kept once. */
void status_warn(struct status *status, const char *text);

/* JSON text in fresh memory, NULL without memory. */
char *status_report(const struct status *status);
char *status_boot_record(const struct status *status);

const char *status_state_name(enum unlock_state state);

/* Milliseconds since the kernel started. */
int64_t status_now(void);

#endif
