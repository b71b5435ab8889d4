/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * statistics: requests of a log counted by minute, hour or day, or by what a column says.
 */
#ifndef BULKHEAD_STATISTICS_H
#define BULKHEAD_STATISTICS_H

#include <stdbool.h>
#include <stdio.h>

struct error;
struct search;

/* "minute", "hour", "day", or a column of the log that can be counted by. */
bool statistics_by(const char *by);

/*
 * Writes {"by": ..., "rows": [...], "total": {...}}, a row {"key", "count", "errors", "error_rate", "received", "sent",
 * "p50", "p95", "p99"}: errors are statuses from 500 on, times milliseconds, at most 3 % too high. Of a column the top most
 * frequent, else in order of time, the last top. ETIMEDOUT, ENOBUFS: too much to be counted; with a text for the client.
 */
int statistics_write(const struct search *search, const char *by, int top, FILE *out, struct error *err);

#endif
