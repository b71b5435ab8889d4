/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock: how much time went by. For the time of day see time(2); this clock
 * counts from an arbitrary point, never goes back, and stands still in suspend.
 */
#ifndef BULKHEAD_CLOCK_H
#define BULKHEAD_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of CLOCK_MONOTONIC. */
static inline int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: the clock exists and the pointer is good */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
