/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "daemon/lib/error.h"

ssize_t fd_read_full(int fd, void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)buffer + done, size - done);
		if (n == 0)
			break;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int fd_write_full(int fd, const void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, (const char *)buffer + done, size - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

int fd_memory(const char *what, const void *data, size_t size, struct error *err)
{
	cleanup_fd int fd = memfd_create(what, MFD_CLOEXEC);

	if (fd == -1 || fd_write_full(fd, data, size) == -1 || lseek(fd, 0, SEEK_SET) == -1)
		return error_errno(err, "cannot hand over a file of %s", what);
	return fd_steal(&fd);
}

int fd_memory_read(int fd, size_t max, char **ret_data, size_t *ret_size, struct error *err)
{
	struct stat status;

	if (fd == -1 || fstat(fd, &status) == -1 || status.st_size < 0 || (size_t)status.st_size > max)
		return error_set(err, EBADMSG, "the file that belongs to a message is missing or too large");
	size_t size = (size_t)status.st_size;
	cleanup_free char *data = malloc(size + 1);
	if (data == NULL || pread(fd, data, size, 0) != (ssize_t)size)
		return error_set(err, data == NULL ? ENOMEM : EIO, "the file that belongs to a message cannot be read");
	*ret_data = steal_pointer(&data);
	*ret_size = size;
	return 0;
}

int file_read(const char *path, size_t max, char **ret_text, size_t *ret_size, struct error *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return error_errno(err, "cannot open %s", path);

	/* Files of /proc and /sys do not know their size, so grow while reading. */
	cleanup_free char *text = NULL;
	size_t size = 0, room = 0;
	for (;;) {
		if (size == room) {
			room = room == 0 ? 4096 : room * 2;
			if (room > max + 1)
				room = max + 1;
			char *larger = realloc(text, room + 1);
			if (larger == NULL)
				return error_set(err, ENOMEM, "cannot read %s: out of memory", path);
			text = larger;
		}
		ssize_t n = fd_read_full(fd, text + size, room - size);
		if (n == -1)
			return error_errno(err, "cannot read %s", path);
		if (n == 0)
			break;
		size += (size_t)n;
		if (size > max)
			return error_set(err, EFBIG, "%s is larger than %zu bytes", path, max);
	}
	text[size] = '\0';
	*ret_text = steal_pointer(&text);
	if (ret_size != NULL)
		*ret_size = size;
	return 0;
}

static int folder_sync(const char *path)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash == NULL)
		strcpy(folder, ".");
	else
		slash[slash == folder ? 1 : 0] = '\0';

	cleanup_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd == -1 ? -1 : fsync(fd);
}

int file_write(const char *path, const void *data, size_t size, mode_t mode, struct error *err)
{
	char temp[PATH_MAX];

	if ((size_t)snprintf(temp, sizeof temp, "%s.XXXXXX", path) >= sizeof temp)
		return error_set(err, ENAMETOOLONG, "cannot write %s: the path is too long", path);
	cleanup_fd int fd = mkostemp(temp, O_CLOEXEC);
	if (fd == -1)
		return error_errno(err, "cannot write %s", path);
	if (fd_write_full(fd, data, size) == -1 || fchmod(fd, mode) == -1 || fsync(fd) == -1 ||
	    rename(temp, path) == -1) {
		error_errno(err, "cannot write %s", path);
		unlink(temp);
		return -1;
	}
	if (folder_sync(path) == -1)
		return error_errno(err, "cannot sync the folder of %s", path);
	return 0;
}

int file_poke(const char *path, const char *text, struct error *err)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return error_errno(err, "cannot open %s", path);
	if (fd_write_full(fd, text, strlen(text)) == -1)
		return error_errno(err, "cannot write '%s' to %s", text, path);
	return 0;
}

int folder_make(const char *path, mode_t mode, struct error *err)
{
	char part[PATH_MAX];

	if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
		return error_set(err, ENAMETOOLONG, "cannot make folder %s: the path is too long", path);
	for (char *slash = part; slash != NULL;) {
		slash = strchr(slash + 1, '/');
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(part, mode) == -1 && errno != EEXIST)
			return error_errno(err, "cannot make folder %s", part);
		if (slash != NULL)
			*slash = '/';
	}
	return 0;
}
