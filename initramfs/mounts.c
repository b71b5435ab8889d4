/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/mount.h"

#define IMAGE_FOLDER "/image"
#define IMAGE_COPY IMAGE_FOLDER "/root.erofs"

struct mount_entry {
	const char *source, *target, *type;
	unsigned long flags;
	const char *options;
};

static const struct mount_entry entries[] = {
	{ "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL },
	{ "sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL },
	{ "devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755" },
	{ "devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666" },
	{ "tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m" },
};

/* Below /run; 0700 where keys lie. */
static const struct {
	const char *path;
	mode_t mode;
} folders[] = {
	{ "/run/bulkhead", 0755 }, { "/run/bulkhead/ssh", 0700 }, { "/esp", 0700 },
	{ "/run/bulkhead/dhcp", 0755 }, { "/run/cryptsetup", 0700 }, { "/root/.ssh", 0700 }, { MOUNTS_ROOT, 0755 },
};

int mounts_start(struct error *err)
{
	struct error later;
	int result = 0;

	for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
		const struct mount_entry *entry = &entries[i];
		struct error *told = result == 0 ? err : &later;

		if (folder_make(entry->target, 0755, told) == -1) {
			result = -1;
			continue;
		}
		if (!mount_stands(entry->target) &&
		    mount(entry->source, entry->target, entry->type, entry->flags, entry->options) == -1)
			result = error_errno(told, "cannot mount %s", entry->target);
	}
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (folder_make(folders[i].path, folders[i].mode, result == 0 ? err : &later) == -1)
			result = -1;
	return result;
}

/*
 * erofs reads a file through its page cache, which a tmpfs file does not offer
 * (ENOTBLK), and the initramfs is a tmpfs unless the kernel command line says
 * rootfstype=ramfs. So the image moves to a ramfs of its own.
 */
static int image_move(struct error *err)
{
	struct stat status;

	if (folder_make(IMAGE_FOLDER, 0700, err) == -1)
		return -1;
	if (!mount_stands(IMAGE_FOLDER) && mount("ramfs", IMAGE_FOLDER, "ramfs", MS_NOSUID | MS_NODEV, NULL) == -1)
		return error_errno(err, "cannot mount " IMAGE_FOLDER);
	cleanup_fd int from = open(MOUNTS_IMAGE, O_RDONLY | O_CLOEXEC);
	cleanup_fd int to = open(IMAGE_COPY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (from == -1 || to == -1 || fstat(from, &status) == -1)
		return error_errno(err, "cannot copy the OS image");
	for (off_t done = 0; done < status.st_size;) {
		ssize_t size = sendfile(to, from, &done, 4 << 20);
		if (size == -1 && errno == EINTR)
			continue;
		if (size <= 0)
			return error_errno(err, "cannot copy the OS image");
	}
	(void)unlink(MOUNTS_IMAGE); /* its memory is free now */
	return 0;
}

static int image_mount(struct error *err)
{
	const char *image = access(MOUNTS_IMAGE, F_OK) == 0 ? MOUNTS_IMAGE : IMAGE_COPY;

	if (mount(image, MOUNTS_ROOT, "erofs", MS_RDONLY | MS_NODEV, NULL) == 0)
		return 0;
	if (errno != ENOTBLK)
		return error_errno(err, "cannot mount the OS image %s", image);
	if (image_move(err) == -1)
		return -1;
	if (mount(IMAGE_COPY, MOUNTS_ROOT, "erofs", MS_RDONLY | MS_NODEV, NULL) == -1)
		return error_errno(err, "cannot mount the OS image " IMAGE_COPY);
	return 0;
}

int mounts_root(struct error *err)
{
	static const char *const inside[] = { "/proc", "/sys", "/dev", "/run" };
	char target[64];

	if (!mount_stands(MOUNTS_ROOT) && image_mount(err) == -1)
		return -1;
	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
		snprintf(target, sizeof target, MOUNTS_ROOT "%s", inside[i]);
		/* A bind of all below: the same mounts under a second name, which becomes the only one at hand-over. */
		if (!mount_stands(target) && mount(inside[i], target, NULL, MS_BIND | MS_REC, NULL) == -1)
			return error_errno(err, "cannot mount %s", target);
	}
	return 0;
}
