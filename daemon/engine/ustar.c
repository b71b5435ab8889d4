/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/ustar.h"

#include <stdio.h>
#include <string.h>

enum { SIZE_OCTAL_DIGITS = 11 };

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], time[12], sum[8], type, link[100], magic[6], version[2];
	char user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};

_Static_assert(sizeof(struct header) == USTAR_BLOCK, "a header is a block");

void ustar_header(const char *name, uint64_t size, unsigned char block[USTAR_BLOCK])
{
	struct header header = { .mode = "0000644", .uid = "0000000", .gid = "0000000", .time = "00000000000", .type = '0' };
	unsigned int sum = 0;

	snprintf(header.name, sizeof header.name, "%s", name);
	memcpy(header.magic, "ustar", 6);
	memcpy(header.version, "00", 2);
	memset(header.sum, ' ', sizeof header.sum);
	if (size >> (3 * SIZE_OCTAL_DIGITS) == 0) {
		char text[24];
		snprintf(text, sizeof text, "%011llo", (unsigned long long)size);
		memcpy(header.size, text, sizeof header.size);
	} else {
		header.size[0] = (char)0x80;
		for (int i = 0; i < 8; i++)
			header.size[11 - i] = (char)(size >> (8 * i));
	}
	memcpy(block, &header, sizeof header);
	for (size_t i = 0; i < USTAR_BLOCK; i++)
		sum += block[i];
	snprintf(header.sum, sizeof header.sum, "%06o", sum);
	header.sum[7] = ' ';
	memcpy(block, &header, sizeof header);
}

size_t ustar_padding(uint64_t size)
{
	return (size_t)((USTAR_BLOCK - size % USTAR_BLOCK) % USTAR_BLOCK);
}
