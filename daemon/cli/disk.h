/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk: what `flash` is about to overwrite: a whole disk, or a regular file
 * that stands for one.
 */
#ifndef BULKHEAD_DISK_H
#define BULKHEAD_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/cli/content.h"

struct error;

struct disk {
	const char *path;   /* borrowed */
	int fd;             /* for reading and writing; a block device is claimed (O_EXCL); -1: a file that is not there yet */
	bool block;
	bool empty;         /* no partitions, no content */
	uint64_t size;      /* bytes; of a regular file its length */
	unsigned int partitions; /* that the kernel knows */
	char content[CONTENT_TEXT]; /* what was found on it (content.h) */
	char model[128];    /* "" for a file */
};

/*
 * Opens path and looks at it, and changes nothing: a file that is not there is
 * made by disk_prepare. EBUSY when the disk or a part of it is mounted, swapped
 * to or held by another driver (the message names it), EINVAL for a partition or
 * 4096-byte sectors.
 */
int disk_open(struct disk *disk, const char *path, struct error *err);
void disk_close(struct disk *disk);

/*
 * Throws away what the disk held and makes room for `kept` bytes: a file is made
 * if need be and becomes one hole, at least that long; a device is discarded
 * where it can, and zeros go over the places behind where old partition tables
 * stand.
 */
int disk_prepare(struct disk *disk, uint64_t kept, struct error *err);

#endif
