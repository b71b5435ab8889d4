/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/recovery.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>

static const char alphabet[33] = "0123456789abcdefghjkmnpqrstvwxyz";

static void recovery_format(const char symbols[RECOVERY_SYMBOLS], char key[RECOVERY_TEXT])
{
	for (size_t i = 0; i < RECOVERY_SYMBOLS; i++) {
		if (i > 0 && i % RECOVERY_GROUP == 0)
			*key++ = '-';
		*key++ = symbols[i];
	}
	*key = '\0';
}

int recovery_generate(char key[RECOVERY_TEXT])
{
	uint8_t bytes[RECOVERY_SYMBOLS];
	char symbols[RECOVERY_SYMBOLS];

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return -1;
	/* Five bits of a byte each: every symbol is equally likely. */
	for (size_t i = 0; i < RECOVERY_SYMBOLS; i++)
		symbols[i] = alphabet[bytes[i] & 31];
	recovery_format(symbols, key);
	explicit_bzero(bytes, sizeof bytes);
	explicit_bzero(symbols, sizeof symbols);
	return 0;
}

static char symbol_read(char c)
{
	if (c >= 'A' && c <= 'Z')
		c = (char)(c - 'A' + 'a');
	switch (c) {
	case 'i':
	case 'l':
		return '1';
	case 'o':
		return '0';
	case 'u':
		return 'v';
	default:
		return c != '\0' && strchr(alphabet, c) != NULL ? c : '\0';
	}
}

bool recovery_normalise(const char *text, size_t size, char key[RECOVERY_TEXT])
{
	char symbols[RECOVERY_SYMBOLS];
	size_t count = 0;

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '-' || text[i] == ' ')
			continue;
		char symbol = symbol_read(text[i]);
		if (symbol == '\0' || count == RECOVERY_SYMBOLS) {
			explicit_bzero(symbols, sizeof symbols);
			return false;
		}
		symbols[count++] = symbol;
	}
	bool whole = count == RECOVERY_SYMBOLS;
	if (whole)
		recovery_format(symbols, key);
	explicit_bzero(symbols, sizeof symbols);
	return whole;
}
