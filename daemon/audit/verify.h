/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify: whether a log is as it was written: every link of its chain, and that no record and no segment is missing
 * between the oldest that is kept and the newest.
 */
#ifndef BULKHEAD_VERIFY_H
#define BULKHEAD_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/audit/chain.h"

struct error;

struct verification {
	int64_t first, last;        /* seq of the oldest record kept, and of the last one looked at */
	uint8_t chain[CHAIN_BYTES]; /* of that one */
	bool done;                  /* it is the newest */
	bool broken;
	char problem[160];
};

/* Goes on behind a record (0: from the oldest on), for a while: a second or so. -1 with err if the log cannot be read. */
int verify_on(const char *realm, int64_t after, struct verification *ret_verification, struct error *err);

/* Whether the record has this chain: 1, 0, or -1 with err; ENOENT: it is not kept any more, or not there yet. */
int verify_link(const char *realm, int64_t seq, const uint8_t chain[CHAIN_BYTES], struct error *err);

#endif
