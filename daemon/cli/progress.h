/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress: how far a long step is, on standard error: a line that is redrawn
 * on a terminal, a line per quarter elsewhere.
 */
#ifndef BULKHEAD_PROGRESS_H
#define BULKHEAD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;    /* borrowed */
	uint64_t total;
	int64_t start_ms, shown_ms;
	unsigned int lines;  /* lines written so far, off a terminal */
	bool terminal;
};

void progress_start(struct progress *progress, const char *what, uint64_t total);
void progress_update(struct progress *progress, uint64_t done);
void progress_end(struct progress *progress);

#endif
