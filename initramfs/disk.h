/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk: the boot disk and its partitions. The disk is the one that bears the
 * partition bulkhead-esp; every other partition is looked for on that disk only.
 *
 * Blocks on the disk: call from a worker, not from PID 1's loop.
 */
#ifndef BULKHEAD_DISK_H
#define BULKHEAD_DISK_H

#include <stdbool.h>
#include <stdint.h>

struct error;

enum { DISK_PATH_MAX = 64 };

#define DISK_LABEL_ESP "bulkhead-esp"
#define DISK_LABEL_SWAP "bulkhead-swap"
#define DISK_LABEL_DATA "bulkhead-data"

struct disk {
	char path[DISK_PATH_MAX]; /* "/dev/vda" */
	char esp[DISK_PATH_MAX], swap[DISK_PATH_MAX], data[DISK_PATH_MAX]; /* "" : not there */
	unsigned candidates;      /* disks that bear bulkhead-esp; more than 1: the first by name was taken */
};

/* Looks for the boot disk in /sys/class/block. ENODEV when no disk bears bulkhead-esp. */
int disk_find(struct disk *ret_disk, struct error *err);

/*
 * First boot: moves the backup GPT to the end of the disk, gives disk and
 * partitions fresh GUIDs (the image's are the same on every machine), and makes
 * swap and data on the free space. Does nothing when data is there.
 * A power cut leaves the old table or the new one: GPT's two copies are written
 * one after the other and each bears its checksum.
 * ENOSPC when there is too little room.
 */
int disk_complete(struct disk *disk, uint32_t swap_mib, struct error *err);

/*
 * The partition type of data says whether an encrypted file system has been
 * completed there: "Linux filesystem" until then, "LUKS" from then on. So a
 * header that was overwritten is told from a partition never used.
 */
int disk_mark_encrypted(const struct disk *disk, struct error *err);
int disk_is_marked(const struct disk *disk, bool *ret_marked, struct error *err);

/* Sectors of 512 bytes for swap on a disk with this much free room: wanted, but at most a quarter. */
uint64_t disk_swap_sectors(uint64_t free_sectors, uint32_t swap_mib);

#endif
