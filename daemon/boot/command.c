/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/boot/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

int command_run(const char *const *argv, char *out, size_t size, struct error *err)
{
	int ends[2], status;
	char drop[512];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, "pipe");
	cleanup_fd int output = ends[0], input = ends[1];
	pid_t child = fork();
	if (child < 0)
		return error_errno(err, "cannot start %s", argv[0]);
	if (child == 0) {
		if (dup2(input, STDOUT_FILENO) >= 0)
			execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	fd_cleanup(&input);
	if (out != NULL) {
		ssize_t got = fd_read_full(output, out, size - 1);
		out[got > 0 ? got : 0] = '\0';
	}
	while (fd_read_full(output, drop, sizeof drop) > 0)
		; /* so that the child never waits for a reader */
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(err, "waiting for %s", argv[0]);
	if (WIFSIGNALED(status))
		return error_set(err, EIO, "%s was ended by signal %d", argv[0], WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return error_set(err, EIO, "%s ended with code %d", argv[0], WEXITSTATUS(status));
	return 0;
}
