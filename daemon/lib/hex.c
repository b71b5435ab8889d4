/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/hex.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void hex_encode(const void *bytes, size_t size, char *text)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < size; i++) {
		*text++ = digits[byte[i] >> 4];
		*text++ = digits[byte[i] & 15];
	}
	*text = '\0';
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool hex_valid(const char *text, size_t digits)
{
	for (size_t i = 0; i < digits; i++)
		if (digit_value(text[i]) == -1)
			return false; /* also stops at an early NUL */
	return text[digits] == '\0';
}

bool hex_decode(const char *text, void *bytes, size_t size)
{
	uint8_t *byte = bytes;

	if (!hex_valid(text, 2 * size))
		return false;
	for (size_t i = 0; i < size; i++)
		byte[i] = (uint8_t)(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
	return true;
}

void id_generate(char text[ID_TEXT])
{
	uint8_t bytes[ID_BYTES];

	/* Up to 256 bytes are never cut short (getrandom(2)). */
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		abort(); /* an id that is not random must never leave this process */
	hex_encode(bytes, sizeof bytes, text);
}

bool id_valid(const char *text)
{
	return hex_valid(text, ID_TEXT - 1);
}
