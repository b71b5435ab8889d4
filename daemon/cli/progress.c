/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/lib/clock.h"

enum { REDRAW_MS = 200 };

static void line_write(const struct progress *progress, uint64_t done, const char *end)
{
	const uint64_t mib = 1024 * 1024;
	int64_t spent = clock_ms() - progress->start_ms;
	uint64_t speed = spent > 0 ? done * 1000 / (uint64_t)spent / mib : 0;
	uint64_t percent = progress->total > 0 ? done * 100 / progress->total : 100;

	fprintf(stderr, "%s%s: %" PRIu64 " of %" PRIu64 " MiB (%" PRIu64 " %%), %" PRIu64 " MiB/s%s",
		progress->terminal ? "\r" : "", progress->what, done / mib, progress->total / mib, percent, speed, end);
}

void progress_start(struct progress *progress, const char *what, uint64_t total)
{
	*progress = (struct progress){ .what = what, .total = total, .start_ms = clock_ms(), .terminal = isatty(STDERR_FILENO) };
}

void progress_update(struct progress *progress, uint64_t done)
{
	int64_t now = clock_ms();

	if (progress->terminal) {
		if (now - progress->shown_ms < REDRAW_MS)
			return;
		progress->shown_ms = now;
		line_write(progress, done, "   ");
	} else if (progress->total > 0 && done * 4 / progress->total > progress->lines) {
		progress->lines = (unsigned int)(done * 4 / progress->total);
		line_write(progress, done, "\n");
	}
}

void progress_end(struct progress *progress)
{
	if (progress->terminal)
		line_write(progress, progress->total, "   \n");
}
