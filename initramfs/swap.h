/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * swap: plain dm-crypt over the swap partition, with a key that exists only in
 * the kernel and dies with it. What was swapped out cannot be read afterwards.
 */
#ifndef BULKHEAD_SWAP_H
#define BULKHEAD_SWAP_H

struct error;

#define SWAP_MAPPING "swap"
#define SWAP_MAPPED "/dev/mapper/" SWAP_MAPPING

/*
 * Maps the device with a fresh key, writes a swap header into the mapping and
 * turns it on. EEXIST when the partition bears a foreign signature: our own
 * ciphertext bears none, so it is somebody's data. Blocks: call from a worker.
 */
int swap_start(const char *device, struct error *err);

#endif
