/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * merge: merging of equal memory pages (KSM). Only processes started with
 * merge_enable() take part: never the daemon, which holds keys.
 */
#ifndef BULKHEAD_MERGE_H
#define BULKHEAD_MERGE_H

#include <stdbool.h>
#include <stdint.h>

struct error;

struct merge_pace {
	bool run;          /* false: no new merges; what is merged stays so */
	uint32_t pages;    /* to scan at a time, */
	uint32_t sleep_ms; /* and the pause after it */
};

struct merge_status {
	uint32_t run;
	uint64_t pages_shared, pages_sharing, pages_zero, full_scans;
	uint64_t pages_known; /* candidates, merged or not */
	int64_t profit; /* bytes */
};

/* Starts ksmd, slow, without the kernel's advisor; ENOENT on a kernel without KSM. */
int merge_init(struct error *err);

int merge_set(const struct merge_pace *pace, struct error *err);

/* Makes this process and what it forks or executes later a candidate. */
int merge_enable(struct error *err);

/* Zeros where the kernel does not tell. */
void merge_read(struct merge_status *ret_status);

/* CPU time that the scanner has used since boot, in milliseconds; 0 where there is none. */
uint64_t merge_scan_ms(void);

#endif
