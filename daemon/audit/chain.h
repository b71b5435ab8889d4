/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain: each record of a log has a SHA-256 over itself and the one before: nobody takes out, adds or changes a record
 * without all behind it. Whoever keeps the last of them elsewhere can tell that what was before is as it was.
 *
 *   link = SHA-256(link before, then for each of seq, time and the columns of record.h in their order:
 *                  4 bytes of length, highest first, and as many of the value, a number in decimal digits; none: ff ff ff ff)
 */
#ifndef BULKHEAD_CHAIN_H
#define BULKHEAD_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/record.h"

enum { CHAIN_BYTES = 32, CHAIN_VALUES = 2 + RECORD_COLUMNS };

/* Text NULL: none. */
struct chain_value {
	const char *text;
	size_t size;
};

/* chain becomes the next one. */
void chain_next(uint8_t chain[CHAIN_BYTES], const struct chain_value values[CHAIN_VALUES]);

#endif
