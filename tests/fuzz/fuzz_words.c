/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_words: the command line of the admin's SSH, and names and recovery keys as people type them. */
// link: daemon/boot/words.c daemon/api/name.c initramfs/recovery.c
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/name.h"
#include "daemon/boot/words.h"
#include "daemon/lib/error.h"
#include "initramfs/recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct words words;
	struct error err = ERROR_INIT;
	char key[RECOVERY_TEXT], again[RECOVERY_TEXT];
	char *line = malloc(size + 1);

	if (line == NULL)
		return 0;
	if (size > 0)
		memcpy(line, data, size);
	line[size] = '\0';
	if (words_split(&words, line)) {
		require(words.count <= WORDS_MAX && words.word[words.count] == NULL);
		for (size_t i = 0; i < words.count; i++)
			require(words.word[i][0] != '\0' && strchr(words.word[i], ' ') == NULL);
	}
	if (name_check(line, "name", &err) == 0)
		require(strlen(line) <= NAME_MAX_LABEL && strpbrk(line, "./_ ") == NULL);
	(void)name_check_image(line, "name", &err);
	if (recovery_normalise((const char *)data, size, key)) {
		require(strlen(key) == RECOVERY_TEXT - 1);
		require(recovery_normalise(key, strlen(key), again) && strcmp(key, again) == 0);
	}
	free(line);
	return 0;
}
