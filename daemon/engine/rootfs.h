/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rootfs: what a container sees as /. Layers are cloned with their ids shifted
 * to the container's (mount_setattr(2)) and stacked below its own folder by
 * overlayfs. All containers of an image so run the same inodes.
 */
#ifndef BULKHEAD_ROOTFS_H
#define BULKHEAD_ROOTFS_H

struct container_message;
struct export_message;
struct error;

/*
 * Makes ENGINE_CONTAINERS/<id>/{upper,work} if missing, limits their size, and
 * mounts the whole at ENGINE_RUN/<id>/rootfs. Call it in a mount namespace of
 * its own: the mounts vanish with its last process.
 */
int rootfs_mount(const struct container_message *message, struct error *err);

/*
 * What a stopped container, or a snapshot, would see, to be read only: at
 * target, with the container's ids as they are on disk. In a mount namespace of its own, too.
 */
int rootfs_view(const struct export_message *message, const char *target, struct error *err);

#endif
