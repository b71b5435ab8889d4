/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/json.h"

enum { BLOCK = 256 * 1024 };

static int place_fail(struct error *err, int code, const char *path, const char *why)
{
	error_field(err, "path", "%.200s: %s", path, why);
	err->code = code;
	return -1;
}

/* With errno as the reason. What a client's path meets is its own fault, room and the host's failures are not. */
static int place_errno(struct error *err, const char *path)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
		return place_fail(err, ENOENT, path, strerror(errno));
	case EISDIR:
	case EEXIST:
	case ENOTEMPTY:
	case EBUSY:
	case EROFS:
	case EPERM:
	case EACCES:
	case ENXIO:
		return place_fail(err, EEXIST, path, strerror(errno));
	case ENAMETOOLONG:
		return place_fail(err, EINVAL, path, strerror(errno));
	default:
		return place_fail(err, errno, path, strerror(errno));
	}
}

static int path_open(int root, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC | O_NOCTTY, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* The folder that path ends in, the caller's, and the name in it. */
static int parent_open(int root, const char *path, char name[NAME_MAX + 1], struct error *err)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (path[0] != '/' || strlen(path) >= sizeof folder)
		return place_fail(err, EINVAL, path, "not an absolute path of a sane length");
	if (slash[1] == '\0' || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0)
		return place_fail(err, EINVAL, path, "a name must stand at the end");
	if (strlen(slash + 1) > NAME_MAX)
		return place_fail(err, EINVAL, path, "the name is too long");
	strcpy(name, slash + 1);
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - path + 1), path);
	int fd = path_open(root, folder, O_RDONLY | O_DIRECTORY);
	return fd == -1 ? place_errno(err, path) : fd;
}

static int content_copy(int in, int out, uint64_t max, const char *path, uint64_t *ret_size, struct error *err)
{
	cleanup_free char *block = malloc(BLOCK);
	uint64_t size = 0;

	if (block == NULL)
		return error_set(err, ENOMEM, "no memory to copy a file");
	for (ssize_t n; (n = read(in, block, BLOCK)) != 0; size += (uint64_t)n) {
		if (n == -1 && errno == EINTR) {
			n = 0;
			continue;
		}
		if (n == -1)
			return place_errno(err, path);
		if ((uint64_t)n > max - size)
			return place_fail(err, EFBIG, path, "the file is too large");
		if (fd_write_full(out, block, (size_t)n) == -1)
			return place_errno(err, path);
	}
	*ret_size = size;
	return 0;
}

static const char *kind_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "link";
	default:
		return "other";
	}
}

static int64_t modified_ms(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

/* NULL: it has gone meanwhile, or its name is not UTF-8. */
static json_t *entry_json(int folder, const char *name)
{
	struct stat st;
	char mode[8];

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return NULL;
	snprintf(mode, sizeof mode, "%04o", (unsigned)st.st_mode & 07777);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "name", name, "type", kind_name(st.st_mode), "mode", mode, "uid",
			 (json_int_t)st.st_uid, "gid", (json_int_t)st.st_gid, "bytes",
			 S_ISREG(st.st_mode) ? (json_int_t)st.st_size : 0);
}

/* Takes fd over. */
static int folder_list(int fd, int out, uint64_t *ret_size, struct error *err)
{
	DIR *dir = fdopendir(fd);
	cleanup_json json_t *list = json_object(), *entries = json_array();
	size_t left_out = 0;

	if (dir == NULL || list == NULL || entries == NULL) {
		if (dir == NULL)
			close(fd);
		else
			closedir(dir);
		return error_set(err, ENOMEM, "no memory to list a folder");
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		json_t *json = json_array_size(entries) < PLACE_ENTRIES_MAX ? entry_json(dirfd(dir), entry->d_name) : NULL;
		if (json == NULL)
			left_out++;
		else
			json_array_append_new(entries, json);
	}
	closedir(dir);
	json_object_set(list, "entries", entries);
	json_object_set_new(list, "left_out", json_integer((json_int_t)left_out));
	cleanup_free char *text = json_dumps(list, JSON_COMPACT);
	if (text == NULL)
		return error_set(err, ENOMEM, "no memory to list a folder");
	*ret_size = strlen(text);
	return fd_write_full(out, text, strlen(text)) == -1 ? error_errno(err, "cannot write the list of a folder") : 0;
}

int place_pull(int root, const char *path, int out, uint64_t max, struct place *ret_place, struct error *err)
{
	struct stat st;

	if (path[0] != '/')
		return place_fail(err, EINVAL, path, "not an absolute path");
	cleanup_fd int fd = path_open(root, path, O_RDONLY | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1)
		return place_errno(err, path);
	struct place place = { .folder = S_ISDIR(st.st_mode), .mode = st.st_mode & 07777, .uid = st.st_uid, .gid = st.st_gid,
			       .modified_ms = modified_ms(&st) };
	if (!S_ISREG(st.st_mode) && !place.folder)
		return place_fail(err, EEXIST, path, "neither a file nor a folder");
	if ((place.folder ? folder_list(fd_steal(&fd), out, &place.size, err) :
			    content_copy(fd, out, max, path, &place.size, err)) == -1)
		return -1;
	*ret_place = place;
	return 0;
}

/* A file without a name where the file system has such, so that nothing is left when this process is killed. */
static int fresh_open(int folder, const char *fresh, bool *ret_named)
{
	int fd = openat(folder, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);

	*ret_named = fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR);
	return *ret_named ? openat(folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : fd;
}

int place_push(int root, const char *path, int in, mode_t mode, uid_t uid, gid_t gid, struct error *err)
{
	char name[NAME_MAX + 1], fresh[ID_TEXT + 16], id[ID_TEXT];
	uint64_t size;

	cleanup_fd int folder = parent_open(root, path, name, err);
	if (folder == -1)
		return -1;
	id_generate(id);
	snprintf(fresh, sizeof fresh, ".push-%s", id);
	bool named;
	cleanup_fd int fd = fresh_open(folder, fresh, &named);
	if (fd == -1)
		return place_errno(err, path);
	/* The owner before the mode: a change of owner takes setuid bits away. */
	int failed = content_copy(in, fd, UINT64_MAX, path, &size, err);
	if (failed == 0 && (fchown(fd, uid, gid) == -1 || fchmod(fd, mode) == -1 || fsync(fd) == -1 ||
			    (!named && linkat(fd, "", folder, fresh, AT_EMPTY_PATH) == -1)))
		failed = place_errno(err, path);
	else if (failed == 0)
		named = true;
	if (failed == 0 && renameat(folder, fresh, folder, name) == -1)
		failed = place_errno(err, path);
	if (failed == -1) {
		if (named)
			(void)unlinkat(folder, fresh, 0);
		return -1;
	}
	return fsync(folder) == -1 ? place_errno(err, path) : 0;
}

int place_folder(int root, const char *path, mode_t mode, uid_t uid, gid_t gid, struct error *err)
{
	char name[NAME_MAX + 1];
	struct stat st;

	cleanup_fd int folder = parent_open(root, path, name, err);
	if (folder == -1)
		return -1;
	if (mkdirat(folder, name, 0700) == -1) {
		int code = errno;
		if (code == EEXIST && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
			return 0;
		errno = code;
		return place_errno(err, path);
	}
	cleanup_fd int made = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made == -1 || fchown(made, uid, gid) == -1 || fchmod(made, mode) == -1 || fsync(folder) == -1)
		return place_errno(err, path);
	return 0;
}

int place_delete(int root, const char *path, struct error *err)
{
	char name[NAME_MAX + 1];
	struct stat st;

	cleanup_fd int folder = parent_open(root, path, name, err);
	if (folder == -1)
		return -1;
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    unlinkat(folder, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == -1 || fsync(folder) == -1)
		return place_errno(err, path);
	return 0;
}
