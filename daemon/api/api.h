/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api: what every file of this role shares.
 */
#ifndef BULKHEAD_API_H
#define BULKHEAD_API_H

#include <stdint.h>

#include "daemon/lib/hostcfg.h"

struct loop;
struct peer;
struct store;

#define API_STATE_PATH "/data/bulkhead/api/state.db"
#define API_SPOOL_PATH "/data/bulkhead/api/spool"
#define API_BOOT_PATH "/run/bulkhead/boot.json"

struct api {
	struct loop *loop;
	struct store *store;
	struct peer *engine, *gate, *audit, *records;
	struct hostcfg cfg;
	int stopping; /* containers that still have to end before this role does; -1: not stopping */
};

/* Wall clock, milliseconds since 1970. */
int64_t time_now_ms(void);

/* For spans: nobody sets this one. */
int64_t time_monotonic_ms(void);

enum { TIME_TEXT = 25 };

/* "2026-01-31T23:59:59.123Z" */
void time_format(int64_t ms, char text[TIME_TEXT]);

#endif
