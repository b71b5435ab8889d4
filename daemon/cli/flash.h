/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flash: puts an image and a host config on a disk, and proves that they are
 * there.
 */
#ifndef BULKHEAD_FLASH_H
#define BULKHEAD_FLASH_H

#include <stdbool.h>
#include <stddef.h>

struct error;

struct flash {
	const char *image;
	const char *target;
	const char *config; /* text of host.json; NULL: leave the image's default */
	size_t config_size;
	unsigned int swap_mib; /* as the config says, for the check of the disk's size */
	bool force;         /* overwrite a disk that is not empty */
	bool yes;           /* do not ask */
};

/*
 * Checks all before the first byte is written; then writes, flushes, reads back
 * and compares by SHA-256, from the disk itself where the file system can (O_DIRECT;
 * else a note says so). Progress and the question go to the terminal.
 * ECANCELED when the person said no.
 */
int flash_run(const struct flash *flash, struct error *err);

/* Overwrites the host config of an image or a flashed disk open for reading and writing, and reads it back. */
int flash_config_write(int fd, const char *config, size_t size, struct error *err);

#endif
