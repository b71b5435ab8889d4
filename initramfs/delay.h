/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * delay: what wrong passphrases cost.
 */
#ifndef BULKHEAD_DELAY_H
#define BULKHEAD_DELAY_H

#include <stdint.h>

/* Milliseconds to wait after this many wrong passphrases in a row: 0, 1 s, 2 s, 4 s, ... 60 s. */
int64_t delay_ms(unsigned failures);

#endif
