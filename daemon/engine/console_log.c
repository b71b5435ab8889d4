/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/console_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/engine/runtime.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

/* Appends a log; one that is not there is empty. A log that grows meanwhile is cut. */
static int append(int out, const char id[ID_TEXT], const char *name, struct error *err)
{
	char path[PATH_MAX], bytes[4096];
	size_t left = RUNTIME_CONSOLE_MAX;
	ssize_t got;

	runtime_path(id, name, path);
	cleanup_fd int in = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (in == -1 && errno == ENOENT)
		return 0;
	if (in == -1)
		return error_errno(err, "cannot open %s", path);
	while (left > 0 && (got = read(in, bytes, left < sizeof bytes ? left : sizeof bytes)) != 0) {
		if (got == -1 || fd_write_full(out, bytes, (size_t)got) == -1)
			return error_errno(err, "cannot copy %s", path);
		left -= (size_t)got;
	}
	return 0;
}

int console_log_copy(const char id[ID_TEXT], struct error *err)
{
	cleanup_fd int fd = memfd_create("console", MFD_CLOEXEC);

	if (fd == -1)
		return error_errno(err, "no memory for a console log");
	if (append(fd, id, "console.log.1", err) == -1 || append(fd, id, "console.log", err) == -1)
		return -1;
	if (lseek(fd, 0, SEEK_SET) == -1)
		return error_errno(err, "cannot rewind a console log");
	return fd_steal(&fd);
}
