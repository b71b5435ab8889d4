/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

int idmap_write(int proc, pid_t pid, uint32_t inside, uint32_t outside, uint32_t count, struct error *err)
{
	static const char *const files[] = { "uid_map", "gid_map" };
	char path[64], line[64];

	snprintf(line, sizeof line, "%u %u %u", inside, outside, count);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%d/%s", (int)pid, files[i]);
		cleanup_fd int fd = openat(proc, path, O_WRONLY | O_CLOEXEC);
		if (fd == -1 || fd_write_full(fd, line, strlen(line)) == -1)
			return error_errno(err, "cannot write the ids of a user namespace to /proc/%s", path);
	}
	return 0;
}

int idmap_open(uint32_t inside, uint32_t outside, uint32_t count, struct error *err)
{
	char path[64];

	cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc == -1)
		return error_errno(err, "cannot open /proc");
	/* The child only holds the namespace open until it has been mapped and opened here. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);
	if (pid == -1)
		return error_errno(err, "cannot make a user namespace");
	if (pid == 0)
		for (;;)
			pause();

	int fd = -1;
	if (idmap_write(proc, pid, inside, outside, count, err) == 0) {
		snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd == -1)
			error_errno(err, "cannot open the user namespace");
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	return fd;
}
