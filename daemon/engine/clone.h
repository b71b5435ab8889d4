/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clone: a copy of a folder with all that overlayfs keeps in it: owners, modes,
 * times, attributes, links with several names, whiteouts, opaque folders, inodes without
 * data. Where the file system can, files share their blocks with the
 * originals (FICLONE, ioctl_ficlone(2)).
 *
 * The tree may be a tenant's: links are not followed, and nothing is waited for. The
 * owners are those that the caller sees: through a mount with shifted ids
 * (mount_setattr(2)) they are others than on disk.
 */
#ifndef BULKHEAD_CLONE_H
#define BULKHEAD_CLONE_H

#include <stdint.h>

struct error;

enum { CLONE_DEPTH_MAX = 256 }; /* folders below each other: two descriptors each */

struct clone_sum {
	uint64_t entries; /* files, folders, links; not the top */
	uint64_t bytes;   /* of files, as their sizes say */
};

/*
 * Makes `to`, an empty folder, like `from`. names is an empty folder of the same file system,
 * and is left with names in it: for files that have several. ENOTSUP: the tree holds what no container can
 * make, or is deeper than CLONE_DEPTH_MAX.
 */
int clone_tree(int from, int to, int names, struct clone_sum *ret_sum, struct error *err);

#endif
