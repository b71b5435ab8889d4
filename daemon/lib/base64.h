/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base64: RFC 4648 without padding, in both alphabets: of section 4, as in the text of
 * password hashes, and of section 5 (URL), as in tokens (RFC 7515).
 */
#ifndef BULKHEAD_BASE64_H
#define BULKHEAD_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Characters of size bytes, and a NUL. */
#define BASE64_TEXT(size) (((size) * 4 + 2) / 3 + 1)

/* Writes BASE64_TEXT(size) characters. Returns their number without the NUL. */
size_t base64_encode(const void *bytes, size_t size, bool url, char *text);

/*
 * Of exactly size characters; at most room bytes. Returns the count, or -1: another character,
 * a length that no bytes have, bits behind the last byte (each value has one text only), no room.
 */
ssize_t base64_decode(const char *text, size_t size, bool url, uint8_t *bytes, size_t room);

#endif
