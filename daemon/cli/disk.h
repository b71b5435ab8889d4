/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk: what `flash` is about to overwrite: a whole disk, or a regular file
 * that stands for one.
 */
#ifndef BULKHEAD_DISK_H
#define BULKHEAD_DISK_H

#include <stdbool.h>
#include <stdint.h>

struct error;

struct disk {
	int fd;             /* open for reading and writing; a block device is claimed (O_EXCL) */
	bool block;
	bool empty;         /* no partitions, and the first 64 KiB are zero */
	uint64_t size;      /* bytes; of a regular file its length */
	unsigned int partitions;
	char model[128];    /* "" for a file */
};

/*
 * Opens path and looks at it; a file that does not exist is made. EBUSY when
 * the disk or a part of it is mounted, swapped to or held by another driver
 * (the message names it), EINVAL for a partition or 4096-byte sectors.
 */
int disk_open(struct disk *disk, const char *path, struct error *err);
void disk_close(struct disk *disk);

/*
 * Throws away what the disk held: a file becomes one hole of its size; a device
 * is discarded where it can, and zeros go over the places behind `kept` bytes
 * where old partition tables stand.
 */
int disk_forget(struct disk *disk, uint64_t kept, struct error *err);

#endif
