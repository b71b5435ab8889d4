/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * luks: the LUKS2 container "data": /dev/mapper/data.
 *
 * While the container is being made, its header bears the subsystem
 * "unfinished", from the first write on. It is taken away when the file system
 * inside stands. Until then nothing can be lost, so that enrolment may start
 * over; afterwards this code never formats the partition again.
 *
 * Blocks, needs much memory: call from a worker.
 */
#ifndef BULKHEAD_LUKS_H
#define BULKHEAD_LUKS_H

#include <stdbool.h>
#include <stdint.h>

#include "initramfs/recovery.h"
#include "initramfs/unlock.h"

struct error;
struct secret;

#define LUKS_MAPPING "data"
#define LUKS_MAPPED "/dev/mapper/" LUKS_MAPPING

enum {
	LUKS_SLOT_PASSPHRASE = 0,
	LUKS_SLOT_RECOVERY = 1,
};

enum luks_state {
	LUKS_STATE_NONE,        /* no LUKS2 header; what else is there, LUKS1 among it, is not looked at */
	LUKS_STATE_UNFINISHED,  /* ours, enrolment was cut short */
	LUKS_STATE_READY,
	LUKS_STATE_NO_KEY_SLOT,
	LUKS_STATE_DAMAGED,     /* a LUKS signature, but neither header copy can be read */
};

int luks_probe(const char *device, enum luks_state *ret_state, struct error *err);

/*
 * Opens by passphrase or recovery key. Tries each key slot that the free memory
 * allows, so that the recovery key works on a machine that became small.
 * ret_recovery: the recovery slot opened it. Fills err unless OPENED.
 */
enum unlock_code luks_open(const char *device, const struct secret *passphrase, bool *ret_recovery, struct error *err);

/*
 * Makes the container (aes-xts-plain64, 512-bit key, argon2id), with a slot for
 * the passphrase and one for a fresh recovery key, and opens it, unfinished.
 */
enum unlock_code luks_format(const char *device, const struct secret *passphrase, char recovery[RECOVERY_TEXT],
			     struct error *err);

/* True while the container's header says that its file system was never completed. */
int luks_is_unfinished(const char *device, bool *ret_unfinished, struct error *err);

/* Declares the container complete. */
int luks_finish(const char *device, struct error *err);

/* KiB of memory for argon2id on a machine with this much available. */
uint32_t luks_kdf_memory(uint64_t available_kib);

#endif
