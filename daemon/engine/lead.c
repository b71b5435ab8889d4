/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/lead.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon/engine/content.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

#define OVERLAY_XATTR "trusted.overlay."
#define REDIRECT "/" CONTENT_FOLDER "/"

enum lead lead_read(int folder, const char *name, char hash[DIGEST_TEXT])
{
	char link[PATH_MAX], text[sizeof REDIRECT + DIGEST_TEXT + 8];

	snprintf(link, sizeof link, "/proc/self/fd/%d/%s", folder, name);
	if (lgetxattr(link, OVERLAY_XATTR "metacopy", NULL, 0) == -1)
		return errno == ENODATA ? LEAD_NONE : LEAD_UNKNOWN;
	ssize_t size = lgetxattr(link, OVERLAY_XATTR "redirect", text, sizeof text - 1);
	if (size == -1)
		return errno == ENODATA || errno == ERANGE ? LEAD_OTHER : LEAD_UNKNOWN;
	text[size] = '\0';
	if (strncmp(text, REDIRECT, strlen(REDIRECT)) != 0 || !hex_valid(text + strlen(REDIRECT), DIGEST_TEXT - 1))
		return LEAD_OTHER;
	memcpy(hash, text + strlen(REDIRECT), DIGEST_TEXT);
	return LEAD_CONTENT;
}

bool lead_loses(int fd)
{
	int flags = 0;

	return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
	       (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_SYNC_FL)) != 0;
}

/* All but overlayfs's own. */
static int attributes_copy(int from, int to, struct error *err)
{
	enum { LIST = 64 * 1024 };
	cleanup_free char *names = malloc(LIST), *value = malloc(LIST);
	ssize_t size = names == NULL || value == NULL ? -1 : flistxattr(from, names, LIST);

	if (names == NULL || value == NULL)
		return error_set(err, ENOMEM, "no memory for attributes");
	if (size == -1 && errno != ENOTSUP)
		return error_errno(err, "cannot list attributes");
	for (const char *name = names; name < names + size; name += strlen(name) + 1) {
		if (strncmp(name, OVERLAY_XATTR, strlen(OVERLAY_XATTR)) == 0) {
			/* Where it was copied from, and where its data once was: nothing follows either of them. */
			if (strcmp(name, OVERLAY_XATTR "origin") == 0 || strcmp(name, OVERLAY_XATTR "redirect") == 0 ||
			    strcmp(name, OVERLAY_XATTR "nlink") == 0)
				continue;
			return error_set(err, ENOTSUP, "it has the attribute %s", name);
		}
		ssize_t n = fgetxattr(from, name, value, LIST);
		if (n == -1 || fsetxattr(to, name, value, (size_t)n, 0) == -1)
			return error_errno(err, "cannot copy the attribute %s", name);
	}
	return 0;
}

int lead_make(int fd, const struct stat *st, int fresh, const char *name, const char *hash, struct error *err)
{
	char redirect[sizeof REDIRECT + DIGEST_TEXT];
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	cleanup_fd int file = openat(fresh, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file == -1)
		return error_errno(err, "cannot make an inode");
	snprintf(redirect, sizeof redirect, REDIRECT "%s", hash);
	/* nlink: that of this inode, not of the data's, which counts users. Owner first: a change of it takes capabilities away. */
	if (ftruncate(file, st->st_size) == -1 || fchown(file, st->st_uid, st->st_gid) == -1 ||
	    fchmod(file, st->st_mode & 07777) == -1 || fsetxattr(file, OVERLAY_XATTR "metacopy", "", 0, 0) == -1 ||
	    fsetxattr(file, OVERLAY_XATTR "redirect", redirect, strlen(redirect), 0) == -1 ||
	    fsetxattr(file, OVERLAY_XATTR "nlink", "U+0", 3, 0) == -1)
		return error_errno(err, "cannot make an inode that leads to shared content");
	if (attributes_copy(fd, file, err) == -1)
		return -1;
	return futimens(file, times) == -1 ? error_errno(err, "cannot set the times of a file") : 0;
}

bool lead_covered(int upper, bool *ret_missing)
{
	char value, link[PATH_MAX];
	struct stat st;

	*ret_missing = false;
	if (fstatat(upper, CONTENT_FOLDER, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return *ret_missing = errno == ENOENT;
	if (!S_ISDIR(st.st_mode))
		return true;
	snprintf(link, sizeof link, "/proc/self/fd/%d/" CONTENT_FOLDER, upper);
	return lgetxattr(link, OVERLAY_XATTR "opaque", &value, 1) == 1 && value == 'y';
}

int lead_cover(int upper, struct error *err)
{
	bool missing;

	if (!lead_covered(upper, &missing))
		return error_set(err, EEXIST, "the container has a folder " CONTENT_FOLDER);
	if (missing && mknodat(upper, CONTENT_FOLDER, S_IFCHR, makedev(0, 0)) == -1)
		return error_errno(err, "cannot cover the folder of shared content");
	return 0;
}
