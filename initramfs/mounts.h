/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mounts: the file systems of the initramfs, and the OS root that lies in it as
 * a file.
 */
#ifndef BULKHEAD_MOUNTS_H
#define BULKHEAD_MOUNTS_H

struct error;

#define MOUNTS_IMAGE "/root.erofs"
#define MOUNTS_ROOT "/newroot"
#define MOUNTS_DATA MOUNTS_ROOT "/data"

/*
 * /proc, /sys, /dev, /dev/pts, /run and the folders the agent needs. Every part
 * is tried; the first error is told. Parts already mounted are left.
 */
int mounts_start(struct error *err);

/* Mounts the OS root read-only, and /proc, /sys, /dev, /run inside it. Does nothing when it is there. */
int mounts_root(struct error *err);

#endif
