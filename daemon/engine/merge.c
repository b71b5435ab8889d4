/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

#define KSM "/sys/kernel/mm/ksm/"

int merge_init(struct error *err)
{
	/*
	 * A scan of all candidates in 200 s costs about a percent of one CPU; the
	 * advisor fits the pages per wake-up to that. Merged zero pages need no
	 * copy of their own.
	 */
	if (file_poke(KSM "use_zero_pages", "1", err) == -1 ||
	    file_poke(KSM "advisor_mode", "scan-time", err) == -1 ||
	    file_poke(KSM "advisor_target_scan_time", "200", err) == -1)
		return -1;
	return file_poke(KSM "run", "1", err);
}

int merge_enable(struct error *err)
{
	if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) == -1)
		return error_errno(err, "cannot opt in to memory merging");
	return 0;
}

static int64_t number_read(const char *name)
{
	char path[96];
	struct error err = ERROR_INIT;
	cleanup_free char *text = NULL;

	snprintf(path, sizeof path, KSM "%s", name);
	if (file_read(path, 64, &text, NULL, &err) == -1)
		return 0; /* no KSM in this kernel */
	return strtoll(text, NULL, 10);
}

void merge_read(struct merge_status *ret_status)
{
	ret_status->run = (uint32_t)number_read("run");
	ret_status->pages_shared = (uint64_t)number_read("pages_shared");
	ret_status->pages_sharing = (uint64_t)number_read("pages_sharing");
	ret_status->full_scans = (uint64_t)number_read("full_scans");
	ret_status->profit = number_read("general_profit");
}
