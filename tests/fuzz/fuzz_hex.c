/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_hex: ids and tokens as a client writes them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/hex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), back[TOKEN_TEXT];
	uint8_t bytes[TOKEN_BYTES];

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (size_t count = 0; count <= TOKEN_BYTES; count++) {
		if (!hex_decode(text, bytes, count))
			continue;
		hex_encode(bytes, count, back);
		if (strcmp(back, text) != 0)
			abort();
	}
	if (id_valid(text) && strlen(text) != ID_TEXT - 1)
		abort();
	free(text);
	return 0;
}
