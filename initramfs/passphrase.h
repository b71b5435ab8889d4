/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * passphrase: the rules for one.
 */
#ifndef BULKHEAD_PASSPHRASE_H
#define BULKHEAD_PASSPHRASE_H

#include <stddef.h>

struct error;

/* Characters of UTF-8 text; a byte that is none counts as one. */
size_t passphrase_length(const char *text, size_t size);

/* Is it fit to be set? At least 12 characters, at most 512 bytes. 0, or -1 with err. */
int passphrase_check(const char *text, size_t size, struct error *err);

#endif
