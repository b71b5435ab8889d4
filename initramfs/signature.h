/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * signature: what a partition bears by its magic bytes, asked of libblkid.
 * Nothing is formatted here over somebody's file system without a word.
 */
#ifndef BULKHEAD_SIGNATURE_H
#define BULKHEAD_SIGNATURE_H

struct error;

enum { SIGNATURE_TEXT = 48 };

/* Writes the type found ("xfs", "crypto_LUKS", "zfs_member", "several") or "" for none. */
int signature_find(const char *device, char text[SIGNATURE_TEXT], struct error *err);

/* Erases every signature libblkid knows, and only their magic bytes. */
int signature_wipe(const char *device, struct error *err);

#endif
