/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * words: a command line of SSH, cut at blanks. No quotes, no escapes, no
 * variables: none of the admin's commands needs them.
 */
#ifndef BULKHEAD_WORDS_H
#define BULKHEAD_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum { WORDS_MAX = 32, WORDS_TEXT_MAX = 1024 };

struct words {
	size_t count;
	char *word[WORDS_MAX + 1]; /* into text; NULL behind the last */
	char text[WORDS_TEXT_MAX + 1];
};

/* False for a line that is too long, has too many words, or anything but printable ASCII. */
bool words_split(struct words *words, const char *line);

#endif
