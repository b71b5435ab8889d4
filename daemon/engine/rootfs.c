/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/engine/compact.h"
#include "daemon/engine/content.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/idmap.h"
#include "daemon/engine/layer.h"
#include "daemon/engine/limits.h"
#include "daemon/engine/quota.h"
#include "daemon/engine/runtime.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/protocol.h"

/* <linux/mount.h> and <sys/mount.h> do not go together: the calls are made by number. */
static int tree_open(const char *path)
{
	return (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static int mount_move(int fd, const char *path)
{
	return (int)syscall(SYS_move_mount, fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
}

static int config_string(int fs, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

/* What the kernel wrote about a failed mount into its context; "" if nothing. */
static void context_message(int fs, char *text, size_t size)
{
	ssize_t n = read(fs, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static int layer_mount(const char *digest, int ids, const char *target, struct error *err)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV,
		.userns_fd = (uint64_t)ids,
	};
	char path[PATH_MAX];

	layer_path(digest, path);
	cleanup_fd int tree = tree_open(path);
	if (tree == -1)
		return error_errno(err, "cannot open image layer %s", digest);
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) == -1)
		return error_errno(err, "cannot shift the ids of image layer %s", digest);
	if (mkdir(target, 0700) == -1 && errno != EEXIST)
		return error_errno(err, "cannot make %s", target);
	if (mount_move(tree, target) == -1)
		return error_errno(err, "cannot mount image layer %s", digest);
	return 0;
}

/* The container's own folder on disk: made once, kept until it is deleted. *ret_hold keeps the compactor out until it is closed. */
static int upper_make(const struct container_message *message, char upper[PATH_MAX], char work[PATH_MAX], int *ret_hold,
		      struct error *err)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, ENGINE_CONTAINERS "/%s", message->id);
	snprintf(upper, PATH_MAX, ENGINE_CONTAINERS "/%s/upper", message->id);
	snprintf(work, PATH_MAX, ENGINE_CONTAINERS "/%s/work", message->id);
	if (folder_make(ENGINE_CONTAINERS, 0700, err) == -1 || folder_make(folder, 0700, err) == -1)
		return -1;

	/* One project for both: overlayfs renames between them, which XFS refuses across projects. */
	int fd = *ret_hold = compact_hold(folder, err);
	if (fd == -1 || quota_set(fd, message->id_base, limits_disk(message), err) == -1)
		return -1;
	if (mkdir(work, 0700) == -1 && errno != EEXIST)
		return error_errno(err, "cannot make %s", work);
	if (access(upper, F_OK) == 0)
		return 0;
	/* It gets its name when it is the container's: a power cut leaves no root folder of a wrong owner. */
	char fresh[PATH_MAX];
	snprintf(fresh, sizeof fresh, ENGINE_CONTAINERS "/%s/fresh", message->id);
	if ((mkdir(fresh, 0755) == -1 && errno != EEXIST) || chown(fresh, message->id_base, message->id_base) == -1 ||
	    chmod(fresh, 0755) == -1 || rename(fresh, upper) == -1)
		return error_errno(err, "cannot make %s", upper);
	return 0;
}

static int overlay_mount(const struct container_message *message, const char *upper, const char *work,
			 const char *target, struct error *err)
{
	char lower[PATH_MAX], name[32], said[160], stores[CONTENT_STORES_MAX][PATH_MAX];

	cleanup_fd int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	if (fs == -1)
		return error_errno(err, "cannot use overlayfs");
	int failed = config_string(fs, "source", message->id);
	/* Highest first. */
	for (uint32_t i = message->layer_count; failed == 0 && i > 0; i--) {
		snprintf(name, sizeof name, "lower/%u", i - 1);
		runtime_path(message->id, name, lower);
		failed = config_string(fs, "lowerdir+", lower);
	}
	/*
	 * What it shares lies lowest, under a name that its upper covers. Only then
	 * inodes without data are followed: the container can make none (SECURITY.md).
	 */
	int count = failed == -1 ? 0 : content_layers(ENGINE_CONTENT, message->id, stores, err);
	if (count == -1)
		return -1;
	for (int i = 0; failed == 0 && i < count; i++)
		failed = config_string(fs, "lowerdir+", stores[i]);
	const char *metacopy = content_used(ENGINE_CONTENT, message->id) ? "on" : "off";
	/* redirect_dir: renaming a folder of the image must work as on any disk. */
	if (failed == -1 || config_string(fs, "upperdir", upper) == -1 || config_string(fs, "workdir", work) == -1 ||
	    config_string(fs, "metacopy", metacopy) == -1 || config_string(fs, "redirect_dir", "on") == -1 ||
	    config_string(fs, "index", "off") == -1 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1) {
		int saved = errno;
		context_message(fs, said, sizeof said);
		errno = saved;
		return error_errno(err, "cannot stack the layers of container %s (%s)", message->id, said);
	}
	cleanup_fd int tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
	if (tree == -1 || mount_move(tree, target) == -1)
		return error_errno(err, "cannot mount the root of container %s", message->id);
	return 0;
}

/*
 * A place to bind resolv.conf to. The container may have put a link anywhere:
 * nothing is followed, and a container without /etc gets no resolver.
 */
static void resolver_place(const struct container_message *message, const char *root)
{
	struct open_how how = {
		.flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		.mode = 0644,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	cleanup_fd int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int file = (int)syscall(SYS_openat2, top, "etc/resolv.conf", &how, sizeof how);
	if (file != -1 && fchown(file, message->id_base, message->id_base) == -1)
		return; /* then it is owned by nobody; it is covered all the same */
}

/* An overlay of lower layers alone, highest first: the container's folder, an empty one (two are needed at least), its image's, what it shares. */
static int view_mount(const struct export_message *message, const char *base, const char *target, struct error *err)
{
	char path[PATH_MAX], said[160], stores[CONTENT_STORES_MAX][PATH_MAX];

	cleanup_fd int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	if (fs == -1)
		return error_errno(err, "cannot use overlayfs");
	int failed = config_string(fs, "source", message->id);
	snprintf(path, sizeof path, ENGINE_CONTAINERS "/%s/upper", message->id);
	if (failed == 0 && access(path, F_OK) == 0)
		failed = config_string(fs, "lowerdir+", path);
	snprintf(path, sizeof path, "%.200s/empty", base);
	if (failed == 0)
		failed = config_string(fs, "lowerdir+", path);
	for (uint32_t i = message->layer_count; failed == 0 && i > 0; i--) {
		snprintf(path, sizeof path, "%.200s/%u", base, i - 1);
		failed = config_string(fs, "lowerdir+", path);
	}
	int count = failed == -1 ? 0 : content_layers(ENGINE_CONTENT, message->id, stores, err);
	if (count == -1)
		return -1;
	for (int i = 0; failed == 0 && i < count; i++)
		failed = config_string(fs, "lowerdir+", stores[i]);
	if (failed == -1 || config_string(fs, "metacopy", content_used(ENGINE_CONTENT, message->id) ? "on" : "off") == -1 ||
	    config_string(fs, "redirect_dir", "on") == -1 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1) {
		int saved = errno;
		context_message(fs, said, sizeof said);
		errno = saved;
		return error_errno(err, "cannot stack the layers of %s (%s)", message->id, said);
	}
	cleanup_fd int tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY);
	if (tree == -1 || mount_move(tree, target) == -1)
		return error_errno(err, "cannot mount the root of %s", message->id);
	return 0;
}

int rootfs_view(const struct export_message *message, const char *target, struct error *err)
{
	char path[PATH_MAX];

	cleanup_fd int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (fs == -1 || config_string(fs, "size", "65536") == -1 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
		return error_errno(err, "cannot make a place for layers");
	cleanup_fd int place = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (place == -1 || mount_move(place, target) == -1)
		return error_errno(err, "cannot mount a place for layers");
	cleanup_fd int ids = idmap_open(ID_LAYER_BASE, message->id_base, ID_RANGE, err);
	if (ids == -1)
		return -1;
	for (uint32_t i = 0; i < message->layer_count; i++) {
		snprintf(path, sizeof path, "%.200s/%u", target, i);
		if (layer_mount(message->layers[i], ids, path, err) == -1)
			return -1;
	}
	snprintf(path, sizeof path, "%.200s/empty", target);
	if (mkdir(path, 0755) == -1)
		return error_errno(err, "cannot make %s", path);
	return view_mount(message, target, target, err);
}

int rootfs_mount(const struct container_message *message, struct error *err)
{
	char upper[PATH_MAX], work[PATH_MAX], target[PATH_MAX], name[32];

	cleanup_fd int hold = -1;
	if (upper_make(message, upper, work, &hold, err) == -1)
		return -1;
	cleanup_fd int ids = idmap_open(ID_LAYER_BASE, message->id_base, ID_RANGE, err);
	if (ids == -1)
		return -1;

	/* The layers stand on a file system of this namespace alone, so nothing is left in ENGINE_RUN. */
	runtime_path(message->id, "lower", target);
	cleanup_fd int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (fs == -1 || config_string(fs, "size", "65536") == -1 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
		return error_errno(err, "cannot make a place for layers");
	cleanup_fd int place = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (place == -1 || mount_move(place, target) == -1)
		return error_errno(err, "cannot mount a place for layers");
	for (uint32_t i = 0; i < message->layer_count; i++) {
		snprintf(name, sizeof name, "lower/%u", i);
		runtime_path(message->id, name, target);
		if (layer_mount(message->layers[i], ids, target, err) == -1)
			return -1;
	}
	runtime_path(message->id, "rootfs", target);
	if (overlay_mount(message, upper, work, target, err) == -1)
		return -1;
	resolver_place(message, target);
	/* overlayfs holds clones of its own. */
	runtime_path(message->id, "lower", target);
	if (syscall(SYS_umount2, target, 2 /* MNT_DETACH of sys/mount.h */) == -1)
		return error_errno(err, "cannot take the layers away");
	return 0;
}
