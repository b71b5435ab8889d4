/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit: how a realm, or the host, wants its log. A record of a request is written when it has ended; where the log is asked for more, another one
 * before the request goes on.
 */
#ifndef BULKHEAD_LIB_AUDIT_H
#define BULKHEAD_LIB_AUDIT_H

#include <stdint.h>

enum audit_mode {
	AUDIT_BEST_EFFORT, /* what cannot be recorded is counted */
	AUDIT_BLOCK,       /* and a request waits until its beginning is recorded, for a while */
	AUDIT_FAIL_CLOSED, /* no request goes on before its beginning is on disk */
	AUDIT_MODES,
};

enum {
	AUDIT_DAYS_DEFAULT = 90,
	AUDIT_DAYS_MAX = 3650,
	AUDIT_WAIT_MS = 3000, /* for a record */
};

#define AUDIT_BYTES_DEFAULT (INT64_C(1) << 30)
#define AUDIT_BYTES_MIN (INT64_C(4) << 20)
#define AUDIT_BYTES_MAX (INT64_C(1) << 40)

#endif
