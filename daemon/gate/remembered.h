/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remembered: how passwords that came lately compared, for a minute, so that each request of a page does not take another
 * 20 ms. Kept is a hash with a secret of this process, not the password.
 */
#ifndef BULKHEAD_REMEMBERED_H
#define BULKHEAD_REMEMBERED_H

#include <stdbool.h>
#include <stdint.h>

/* 1: it is the hash's password, 0: it is not, -1: not known. now_ms: of clock_ms(). */
int remembered_find(const char *hash, const char *password, int64_t now_ms);
void remembered_add(const char *hash, const char *password, bool matches, int64_t now_ms);

#endif
