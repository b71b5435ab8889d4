/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * merge: merging of equal memory pages (KSM). Only processes started with
 * merge_enable() take part: never the daemon, which holds keys.
 */
#ifndef BULKHEAD_MERGE_H
#define BULKHEAD_MERGE_H

#include <stdint.h>

struct error;

struct merge_status {
	uint32_t run;
	uint64_t pages_shared, pages_sharing, full_scans;
	int64_t profit; /* bytes */
};

/* Starts ksmd with the scan-time advisor; ENOENT on a kernel without KSM. */
int merge_init(struct error *err);

/* Makes this process and what it forks or executes later a candidate. */
int merge_enable(struct error *err);

/* Zeros where the kernel does not tell. */
void merge_read(struct merge_status *ret_status);

#endif
