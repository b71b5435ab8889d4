/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/clone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { UNMAPPED = 65534 }; /* /proc/sys/kernel/overflowuid */

struct clone {
	int names;
	struct clone_sum sum;
	/* Of one file at a time. */
	char attributes[XATTR_LIST_MAX], value[XATTR_SIZE_MAX];
};

static int entry_fail(struct error *err, const char *what, const char *name)
{
	return error_errno(err, "cannot %s %.100s", what, name);
}

/* One of the folder behind fd; of the folder itself with name ".". A link at its end is not followed by l*xattr(2). */
static void entry_path(int fd, const char *name, char path[320])
{
	snprintf(path, 320, "/proc/self/fd/%d/%.255s", fd, name);
}

/* overlayfs notes these for itself, about the very inode that they are on. */
static bool attribute_stays(const char *attribute)
{
	return strcmp(attribute, "trusted.overlay.origin") == 0 || strcmp(attribute, "trusted.overlay.impure") == 0 ||
	       strcmp(attribute, "trusted.overlay.nlink") == 0 || strcmp(attribute, "trusted.overlay.uuid") == 0;
}

static int attributes_copy(struct clone *clone, int from, int to, const char *name, struct error *err)
{
	char source[320], target[320];

	entry_path(from, name, source);
	entry_path(to, name, target);
	ssize_t size = llistxattr(source, clone->attributes, sizeof clone->attributes);
	if (size == -1)
		return entry_fail(err, "list the attributes of", name);
	for (const char *at = clone->attributes; at < clone->attributes + size; at += strlen(at) + 1) {
		if (attribute_stays(at))
			continue;
		ssize_t got = lgetxattr(source, at, clone->value, sizeof clone->value);
		if (got == -1 && errno == ENODATA)
			continue;
		if (got == -1 || lsetxattr(target, at, clone->value, (size_t)got, 0) == -1)
			return entry_fail(err, "copy an attribute of", name);
	}
	return 0;
}

/* Owner first, since a change of owner takes setuid bits and capabilities away; times last. */
static int likeness_copy(struct clone *clone, int from, int to, const char *name, const struct stat *st, struct error *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	/* Not of the container's range: overlayfs made it for itself, as root. */
	if ((st->st_uid != UNMAPPED || st->st_gid != UNMAPPED) && fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) == -1)
		return entry_fail(err, "give its owner to", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) == -1)
		return entry_fail(err, "give its mode to", name);
	if (attributes_copy(clone, from, to, name, err) == -1)
		return -1;
	return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) == -1 ? entry_fail(err, "give its times to", name) : 0;
}

/* Without shared blocks: the bytes, and holes as holes. */
static int data_copy(int in, int out, const struct stat *st, const char *name, struct error *err)
{
	off_t data = 0, end;

	while ((data = lseek(in, data, SEEK_DATA)) != -1) {
		end = lseek(in, data, SEEK_HOLE);
		if (end == -1 || lseek(in, data, SEEK_SET) == -1 || lseek(out, data, SEEK_SET) == -1)
			return entry_fail(err, "copy", name);
		while (data < end) {
			ssize_t n = copy_file_range(in, NULL, out, NULL, (size_t)(end - data), 0);
			if (n <= 0)
				return n == 0 ? 0 : entry_fail(err, "copy", name);
			data += n;
		}
	}
	if (errno != ENXIO) /* no data behind here */
		return entry_fail(err, "copy", name);
	return ftruncate(out, st->st_size) == -1 ? entry_fail(err, "copy", name) : 0;
}

static int file_copy(int from, int to, const char *name, const struct stat *st, struct error *err)
{
	cleanup_fd int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_fd int out = in == -1 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (out == -1)
		return entry_fail(err, "copy", name);
	if (ioctl(out, FICLONE, in) == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EXDEV && errno != EINVAL && errno != ENOTTY)
		return entry_fail(err, "copy", name);
	return data_copy(in, out, st, name, err);
}

static int link_copy(int from, int to, const char *name, struct error *err)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(from, name, target, sizeof target - 1);

	if (size == -1)
		return entry_fail(err, "read the link", name);
	target[size] = '\0';
	return symlinkat(target, to, name) == -1 ? entry_fail(err, "make the link", name) : 0;
}

static int folder_copy(struct clone *clone, int from, int to, int depth, struct error *err);

static int below_copy(struct clone *clone, int from, int to, const char *name, int depth, struct error *err)
{
	if (depth == CLONE_DEPTH_MAX)
		return error_set(err, ENOTSUP, "folders lie deeper than %d; such a tree is not copied", CLONE_DEPTH_MAX);
	if (mkdirat(to, name, 0700) == -1)
		return entry_fail(err, "make the folder", name);
	cleanup_fd int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd int target = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (source == -1 || target == -1)
		return entry_fail(err, "open the folder", name);
	return folder_copy(clone, source, target, depth + 1, err);
}

static int node_copy(int to, const char *name, const struct stat *st, struct error *err)
{
	/* A whiteout is the only device: containers have no right to make others. */
	if ((S_ISCHR(st->st_mode) && st->st_rdev != 0) || S_ISBLK(st->st_mode))
		return error_set(err, ENOTSUP, "%.100s is a device node; such a tree is not copied", name);
	return mknodat(to, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) == -1 ? entry_fail(err, "make", name) : 0;
}

static int entry_make(struct clone *clone, int from, int to, const char *name, const struct stat *st, int depth,
		      struct error *err)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		return below_copy(clone, from, to, name, depth, err);
	case S_IFREG:
		clone->sum.bytes += (uint64_t)st->st_size;
		return file_copy(from, to, name, st, err);
	case S_IFLNK:
		return link_copy(from, to, name, err);
	default:
		return node_copy(to, name, st, err);
	}
}

static int entry_copy(struct clone *clone, int from, int to, const char *name, int depth, struct error *err)
{
	struct stat st;
	char number[32];

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return entry_fail(err, "look at", name);
	clone->sum.entries++;
	/* The file system itself remembers which inode became which. */
	bool several = !S_ISDIR(st.st_mode) && st.st_nlink > 1;
	snprintf(number, sizeof number, "%llx", (unsigned long long)st.st_ino);
	if (several && linkat(clone->names, number, to, name, 0) == 0)
		return 0;
	if (several && errno != ENOENT)
		return entry_fail(err, "give a second name to", name);
	if (entry_make(clone, from, to, name, &st, depth, err) == -1 || likeness_copy(clone, from, to, name, &st, err) == -1)
		return -1;
	if (several && linkat(to, name, clone->names, number, 0) == -1)
		return entry_fail(err, "note the inode of", name);
	return 0;
}

static int folder_copy(struct clone *clone, int from, int to, int depth, struct error *err)
{
	int copy = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy == -1 ? NULL : fdopendir(copy);
	int result = 0;

	if (dir == NULL) {
		fd_cleanup(&copy);
		return error_errno(err, "cannot read a folder");
	}
	for (struct dirent *entry; result == 0 && (errno = 0, entry = readdir(dir)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = entry_copy(clone, from, to, entry->d_name, depth, err);
	if (result == 0 && errno != 0)
		result = error_errno(err, "cannot read a folder");
	closedir(dir);
	return result;
}

int clone_tree(int from, int to, int names, struct clone_sum *ret_sum, struct error *err)
{
	struct clone *clone = calloc(1, sizeof *clone);
	struct stat st;

	if (clone == NULL)
		return error_set(err, ENOMEM, "no memory to copy a tree");
	clone->names = names;
	int result = fstat(from, &st) == -1 ? error_errno(err, "cannot look at a tree") : folder_copy(clone, from, to, 0, err);
	if (result == 0)
		result = likeness_copy(clone, from, to, ".", &st, err);
	*ret_sum = clone->sum;
	free(clone);
	return result;
}
