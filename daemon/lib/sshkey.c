/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/sshkey.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

#define TOOL "/usr/bin/dropbearkey"

/* Runs it and keeps the start of what it prints. EBADMSG when it ran and did not succeed. */
static int tool_run(const char *const *argv, char *out, size_t size, struct error *err)
{
	int ends[2], status;
	char drop[512];

	if (pipe2(ends, O_CLOEXEC) == -1)
		return error_errno(err, "cannot run " TOOL);
	cleanup_fd int output = ends[0];
	cleanup_fd int input = ends[1];
	pid_t child = fork();
	if (child == -1)
		return error_errno(err, "cannot run " TOOL);
	if (child == 0) {
		/* execve takes pointers to what it does not change. */
		if (dup2(input, STDOUT_FILENO) != -1)
			execve(argv[0], (char *const *)(uintptr_t)argv, (char *[]){ NULL });
		_exit(127);
	}
	fd_cleanup(&input);
	ssize_t got = fd_read_full(output, out, size - 1);
	out[got > 0 ? got : 0] = '\0';
	while (fd_read_full(output, drop, sizeof drop) > 0)
		; /* so that it never waits for a reader */
	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR)
			return error_errno(err, "lost " TOOL);
	/* SIGKILL is a lack of memory; of any other signal it died by what it read. */
	if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
		return error_set(err, EIO, TOOL " could not run (status %d)", status);
	if (status != 0)
		return error_set(err, EBADMSG, TOOL " did not succeed (status %d)", status);
	return 0;
}

int sshkey_fingerprint(const char *path, char *out, size_t size, struct error *err)
{
	const char *const argv[] = { TOOL, "-y", "-f", path, NULL };
	char text[2048];

	if (tool_run(argv, text, sizeof text, err) == -1)
		return -1;
	const char *found = strstr(text, "SHA256:");
	size_t length = found != NULL ? strcspn(found, " \r\n") : 0;
	if (length == 0 || length >= size)
		return error_set(err, EBADMSG, TOOL " shows no fingerprint of %s", path);
	memcpy(out, found, length);
	out[length] = '\0';
	return 0;
}

int sshkey_make(const char *path, struct error *err)
{
	const char *const argv[] = { TOOL, "-t", "ed25519", "-f", path, NULL };
	char text[2048];

	(void)unlink(path); /* dropbearkey does not overwrite */
	if (tool_run(argv, text, sizeof text, err) == -1)
		return error_wrap(err, "cannot make an SSH host key");
	return 0;
}
