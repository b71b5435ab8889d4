/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/boot/words.h"

#include <string.h>

bool words_split(struct words *words, const char *line)
{
	size_t size = strlen(line);
	char *rest;

	words->count = 0;
	words->word[0] = NULL;
	if (size > WORDS_TEXT_MAX)
		return false;
	for (size_t i = 0; i < size; i++)
		if (line[i] < ' ' || line[i] > '~')
			return false;
	memcpy(words->text, line, size + 1);
	for (char *word = strtok_r(words->text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		if (words->count == WORDS_MAX)
			return false;
		words->word[words->count++] = word;
	}
	words->word[words->count] = NULL;
	return true;
}
