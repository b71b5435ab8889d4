/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recovery: the generated key of the second key slot. 48 symbols of 5 bits,
 * 240 random bits, in eight groups of six. Without i, l, o, u: they are read as
 * 1, 1, 0, v, and case does not count, so that a key copied from paper fits.
 */
#ifndef BULKHEAD_RECOVERY_H
#define BULKHEAD_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>

enum {
	RECOVERY_SYMBOLS = 48,
	RECOVERY_GROUP = 6,
	RECOVERY_TEXT = RECOVERY_SYMBOLS + RECOVERY_SYMBOLS / RECOVERY_GROUP, /* with dashes and NUL */
};

/* A fresh key from getrandom(2). Returns 0, -1 with errno. */
int recovery_generate(char key[RECOVERY_TEXT]);

/*
 * If the text, dashes and blanks aside, can be a recovery key, writes it the way
 * recovery_generate() does and returns true.
 */
bool recovery_normalise(const char *text, size_t size, char key[RECOVERY_TEXT]);

#endif
