/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "daemon/api/api.h"
#include "daemon/lib/error.h"

#define SPACE_KEPT (UINT64_C(256) << 20) /* bytes that stay free */

int spool_open(struct error *err)
{
	int fd = open(API_SPOOL_PATH, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	return fd == -1 ? error_errno(err, "cannot make a file in %s", API_SPOOL_PATH) : fd;
}

uint64_t spool_room(int fd)
{
	struct statvfs fs;

	if (fstatvfs(fd, &fs) == -1)
		return UINT64_MAX; /* the write itself will tell */
	uint64_t space = (uint64_t)fs.f_bavail * fs.f_frsize;
	return space > SPACE_KEPT ? space - SPACE_KEPT : 0;
}

int spool_reader(int fd, struct error *err)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int reader = open(path, O_RDONLY | O_CLOEXEC);
	return reader == -1 ? error_set(err, EIO, "cannot read a spooled file back: %s", strerror(errno)) : reader;
}
