/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock: how much time went by: clock_ms() counts from an arbitrary point, never goes
 * back, and stands still in suspend. And the time of day, finer than time(2).
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

/* The time of day, microseconds since 1970. */
static inline int64_t clock_wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif
