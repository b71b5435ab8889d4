/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

#define MARK ".wh."
#define OPAQUE ".wh..wh..opq"
#define AUFS ".wh..wh."

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* The part of path behind its last "/"; a tar's folders may end with one, which is not counted. */
static size_t last_part(const char *path, const char **ret_part)
{
	size_t end = strlen(path);

	while (end > 0 && path[end - 1] == '/')
		end--;
	size_t start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	*ret_part = path + start;
	return end - start;
}

int whiteout_kind(const char *path, enum whiteout_kind *ret_kind, struct error *err)
{
	const char *part;
	size_t size = last_part(path, &part);

	for (const char *at = path; at < part; at += strcspn(at, "/"), at += strspn(at, "/")) {
		if (begins(at, AUFS)) {
			*ret_kind = WHITEOUT_IGNORED;
			return 0;
		}
		if (begins(at, MARK))
			return error_field(err, "tar", "entry '%.160s': is in a folder named like a deletion", path);
	}
	*ret_kind = !begins(part, MARK)                                ? WHITEOUT_NONE :
		    size == strlen(OPAQUE) && begins(part, OPAQUE)     ? WHITEOUT_MARK :
		    begins(part, AUFS)                                 ? WHITEOUT_IGNORED :
									 WHITEOUT_MARK;
	return 0;
}

int whiteouts_add(struct whiteouts *whiteouts, const char *path, struct error *err)
{
	if (whiteouts->count == whiteouts->room) {
		size_t room = whiteouts->room == 0 ? 64 : whiteouts->room * 2;
		char **larger = reallocarray(whiteouts->paths, room, sizeof *larger);
		if (larger == NULL)
			return error_set(err, ENOMEM, "no memory for more than %zu deletions", whiteouts->count);
		whiteouts->paths = larger;
		whiteouts->room = room;
	}
	char *copy = strdup(path);
	if (copy == NULL)
		return error_set(err, ENOMEM, "no memory for more than %zu deletions", whiteouts->count);
	whiteouts->paths[whiteouts->count++] = copy;
	return 0;
}

/* Opens the folder that the first size bytes of path name; what is missing is made. */
static int folder_open(const char *path, size_t size, struct error *err)
{
	char part[256];

	cleanup_fd int at = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; at != -1 && i < size;) {
		size_t length = strcspn(path + i, "/");
		if (length >= sizeof part) {
			errno = ENAMETOOLONG;
			fd_cleanup(&at);
			break;
		}
		memcpy(part, path + i, length);
		part[length] = '\0';
		i += length;
		i += strspn(path + i, "/");
		if (length == 0 || strcmp(part, ".") == 0)
			continue;
		int next = mkdirat(at, part, 0755) == -1 && errno != EEXIST ?
				   -1 :
				   openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int saved = errno;
		close(at);
		at = next;
		errno = saved;
	}
	if (at == -1) {
		int saved = errno;
		error_field(err, "tar", "entry '%.160s': its folder cannot be opened: %s", path, strerror(saved));
		if (saved == ENOSPC || saved == EIO || saved == EMFILE)
			err->code = saved;
		return -1;
	}
	return fd_steal(&at);
}

static int name_hide(int folder, const char *path, const char *part, size_t size,
		     int (*opaque)(int fd, void *data, struct error *err), void *data, struct error *err)
{
	char name[256];
	struct stat st;

	size -= strlen(MARK);
	if (size == 0 || size >= sizeof name)
		return error_field(err, "tar", "entry '%.160s': hides no name that a file can have", path);
	memcpy(name, part + strlen(MARK), size);
	name[size] = '\0';
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_field(err, "tar", "entry '%.160s': hides a folder from itself", path);
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno != ENOENT || mknodat(folder, name, S_IFCHR, makedev(0, 0)) == -1)
			return error_errno(err, "cannot make the deletion '%.160s'", path);
		return 0;
	}
	/* The layer brings a new one of that name: a file covers the old one anyhow, a folder must not show its content. */
	if (!S_ISDIR(st.st_mode))
		return 0;
	cleanup_fd int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return error_errno(err, "cannot open the new folder of '%.160s'", path);
	return opaque(fd, data, err);
}

int whiteouts_apply(const struct whiteouts *whiteouts, int (*opaque)(int fd, void *data, struct error *err), void *data,
		    struct error *err)
{
	for (size_t i = 0; i < whiteouts->count; i++) {
		const char *path = whiteouts->paths[i], *part;
		size_t size = last_part(path, &part);
		bool all = size == strlen(OPAQUE) && begins(part, OPAQUE);
		/* overlayfs does not look for the attribute on a layer's top. */
		if (all && strspn(path, "./") >= (size_t)(part - path))
			return error_field(err, "tar", "entry '%.160s': the layer hides all those below it, which cannot be done",
					   path);
		cleanup_fd int folder = folder_open(path, (size_t)(part - path), err);
		if (folder == -1)
			return -1;
		if ((all ? opaque(folder, data, err) : name_hide(folder, path, part, size, opaque, data, err)) == -1)
			return -1;
	}
	return 0;
}

void whiteouts_free(struct whiteouts *whiteouts)
{
	for (size_t i = 0; i < whiteouts->count; i++)
		free(whiteouts->paths[i]);
	free(whiteouts->paths);
	*whiteouts = (struct whiteouts){ 0 };
}
