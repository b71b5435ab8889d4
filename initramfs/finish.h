/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finish: from the open mapping to a mounted /data in the OS root, and swap.
 */
#ifndef BULKHEAD_FINISH_H
#define BULKHEAD_FINISH_H

#include <stdbool.h>

#include "initramfs/disk.h"

struct finish_plan {
	struct disk disk;
};

struct finish_reply {
	bool done;         /* /data is mounted in the OS root */
	bool complete;     /* the container bears no "unfinished" (any more): its keys hold, whatever fails later */
	bool swap;
	char message[400]; /* why not done */
	char warning[256]; /* about swap, or "" */
};

/* A work_function (work.h); argument: const struct finish_plan *, result: struct finish_reply. */
void finish_run(const void *argument, int secret_fd, void *result);

#endif
