/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table: the GPT of the boot disk. Its two copies are written one after the
 * other, the one at the end of the disk first, and each bears its checksum: a
 * power cut leaves the old table or the new one. Linux looks at the second copy
 * only with "gpt" on its command line (kernel/cmdline); table_repair() makes two
 * of one again.
 *
 * Blocks on the disk: call from a worker.
 */
#ifndef BULKHEAD_TABLE_H
#define BULKHEAD_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct disk;
struct error;

/*
 * First boot: moves the backup GPT to the end of the disk, gives disk and
 * partitions fresh GUIDs (the image's are the same on every machine), and makes
 * swap and data on the free space. Does nothing when data is there.
 * ENOSPC when there is too little room.
 */
int table_complete(struct disk *disk, uint32_t swap_mib, struct error *err);

/* Writes a damaged copy anew from the sound one. Writes nothing when both are sound. */
int table_repair(const struct disk *disk, bool *ret_repaired, struct error *err);

/*
 * The partition type of data says whether an encrypted file system has been
 * completed there: "Linux filesystem" until then, "LUKS" from then on. So a
 * header that was overwritten is told from a partition never used.
 */
int table_mark(const struct disk *disk, struct error *err);
int table_is_marked(const struct disk *disk, bool *ret_marked, struct error *err);

/* Sectors of 512 bytes for swap on a disk with this much free room: wanted, but at most a quarter. */
uint64_t table_swap_sectors(uint64_t free_sectors, uint32_t swap_mib);

#endif
