/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ustar: the outer tar of an image archive: few files, short names (POSIX.1-2017 pax, "ustar Interchange
 * Format"; sizes of 8 GiB and more in base 256, as GNU tar has them).
 */
#ifndef BULKHEAD_USTAR_H
#define BULKHEAD_USTAR_H

#include <stddef.h>
#include <stdint.h>

enum { USTAR_BLOCK = 512 };

/* The header of a regular file of root; name has less than 100 bytes. */
void ustar_header(const char *name, uint64_t size, unsigned char block[USTAR_BLOCK]);

/* Bytes of zeros behind so many of content. */
size_t ustar_padding(uint64_t size);

#endif
