/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gpt: finding a partition of an image by its name. Reads the primary GUID
 * Partition Table (UEFI specification, chapter 5), 512-byte sectors.
 */
#ifndef BULKHEAD_GPT_H
#define BULKHEAD_GPT_H

#include <stdint.h>

struct error;

struct gpt_partition {
	uint64_t offset, size; /* bytes */
};

/* Looks for the partition of that name (ASCII) in fd. ENOENT if there is none, EINVAL if there is no GPT. */
int gpt_find(int fd, const char *name, struct gpt_partition *ret_partition, struct error *err);

/* Size in bytes of the disk that the table was made for: its backup is in the last sector. */
int gpt_disk_size(int fd, uint64_t *ret_size, struct error *err);

#endif
