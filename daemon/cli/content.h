/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * content: what lies on a disk, by name: file systems, RAID members, encrypted
 * volumes, partition tables, wherever on the disk they keep their marks.
 */
#ifndef BULKHEAD_CONTENT_H
#define BULKHEAD_CONTENT_H

#include <stdint.h>

struct error;

enum { CONTENT_TEXT = 192 };

/*
 * Looks at fd, size bytes long. text becomes a list for a person (`btrfs "data",
 * gpt partition table`), printable ASCII; "" if there is nothing. What libblkid
 * does not know but is not zero in the first or last MiB is "unknown data".
 */
int content_find(int fd, uint64_t size, char text[CONTENT_TEXT], struct error *err);

#endif
