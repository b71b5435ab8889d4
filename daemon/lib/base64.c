/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/base64.h"

static const char alphabets[2][65] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t base64_encode(const void *bytes, size_t size, bool url, char *text)
{
	const uint8_t *byte = bytes;
	uint32_t bits = 0;
	unsigned held = 0;
	size_t count = 0;

	for (size_t i = 0; i < size; i++) {
		bits = bits << 8 | byte[i];
		for (held += 8; held >= 6; held -= 6)
			text[count++] = alphabets[url][bits >> (held - 6) & 63];
	}
	if (held > 0)
		text[count++] = alphabets[url][bits << (6 - held) & 63];
	text[count] = '\0';
	return count;
}

static int value_of(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == alphabets[url][62])
		return 62;
	return c == alphabets[url][63] ? 63 : -1;
}

ssize_t base64_decode(const char *text, size_t size, bool url, uint8_t *bytes, size_t room)
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t count = 0;

	if (size % 4 == 1)
		return -1;
	for (size_t i = 0; i < size; i++) {
		int value = value_of(text[i], url);
		if (value == -1)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (count == room)
			return -1;
		bytes[count++] = (uint8_t)(bits >> held);
		bits &= (1U << held) - 1;
	}
	return bits == 0 ? (ssize_t)count : -1;
}
