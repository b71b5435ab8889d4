/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/passphrase.h"

#include <errno.h>

#include "daemon/lib/error.h"
#include "initramfs/unlock.h"

size_t passphrase_length(const char *text, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80; /* all but continuation bytes */
	return count;
}

int passphrase_check(const char *text, size_t size, struct error *err)
{
	if (size > UNLOCK_PASSPHRASE_MAX)
		return error_set(err, E2BIG, "the passphrase is longer than %d bytes", UNLOCK_PASSPHRASE_MAX);
	if (passphrase_length(text, size) < UNLOCK_PASSPHRASE_MIN)
		return error_set(err, EINVAL, "the passphrase is too short: at least %d characters",
				 UNLOCK_PASSPHRASE_MIN);
	return 0;
}
