/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fat: reading and overwriting one existing file of a FAT32 file system in
 * place, without mounting it: a rescue system may lack mtools, and the file may
 * be a plain disk image.
 *
 * Nothing is allocated and no directory is changed, so the file keeps its size.
 * Source: Microsoft, "FAT32 File System Specification", version 1.03.
 */
#ifndef BULKHEAD_FAT_H
#define BULKHEAD_FAT_H

#include <stddef.h>
#include <stdint.h>

struct error;

struct fat {
	int fd;                /* borrowed */
	uint64_t table, data;  /* byte offsets in fd: first FAT, cluster 2 */
	uint32_t cluster_size; /* bytes */
	uint32_t cluster_end;  /* first number behind the last cluster */
	uint32_t root;         /* first cluster of the root directory */
};

struct fat_file {
	uint32_t first; /* cluster */
	uint32_t size;  /* bytes */
};

/* Reads the boot sector at offset; the file system may take size bytes. EINVAL if it is not FAT32. */
int fat_open(struct fat *fat, int fd, uint64_t offset, uint64_t size, struct error *err);

/* Finds "folder/name" (ASCII, any case, long names too). ENOENT if it is not there. */
int fat_find(const struct fat *fat, const char *path, struct fat_file *ret_file, struct error *err);

/*
 * Reads or overwrites the first size bytes; size is at most file->size. fd may have O_DIRECT while reading, so that
 * the disk answers and not the cache.
 */
int fat_read(const struct fat *fat, const struct fat_file *file, void *buffer, size_t size, struct error *err);
int fat_write(const struct fat *fat, const struct fat_file *file, const void *data, size_t size, struct error *err);

#endif
