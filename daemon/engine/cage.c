/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/idmap.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/packet.h"

/* What the channel carries: a struct error and the result, or one byte with a descriptor. */
static int outcome_send(const struct error *outcome, const void *result, size_t size)
{
	const struct iovec parts[] = {
		{ .iov_base = (void *)(uintptr_t)outcome, .iov_len = sizeof *outcome },
		{ .iov_base = (void *)(uintptr_t)result, .iov_len = size },
	};

	return packet_send(CAGE_FD_CHANNEL, parts, 2, NULL, 0, 0);
}

int cage_give(int fd, struct error *err)
{
	const struct iovec part = { .iov_base = (char[]){ 0 }, .iov_len = 1 };

	return packet_send(CAGE_FD_CHANNEL, &part, 1, &fd, 1, 0) == -1 ? error_errno(err, "cannot hand a folder out") : 0;
}

/* The innermost process. Inherits nothing but the cage's descriptors. */
static int inmate(const struct cage *cage, int ready, int channel, void *result, size_t size)
{
	struct error err = ERROR_INIT;
	unsigned first = cage->second == -1 ? CAGE_FD_SECOND : CAGE_FD_SECOND + 1;
	char mapped;

	/* Root in the new namespace only once the parent has written its map. */
	if (fd_read_full(ready, &mapped, 1) != 1)
		return 1;
	if (setgroups(0, NULL) == -1 || setresgid(0, 0, 0) == -1 || setresuid(0, 0, 0) == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == -1) /* the change of user has cleared it */
		error_errno(&err, "cannot become root of the image");
	else if (dup2(cage->input, CAGE_FD_INPUT) == -1 || dup2(channel, CAGE_FD_CHANNEL) == -1 ||
		 (cage->second != -1 && dup2(cage->second, CAGE_FD_SECOND) == -1) || close_range(first, ~0U, 0) == -1)
		error_errno(&err, "cannot arrange the unpacking process");
	else if (cage->confine(&err) == 0)
		(void)cage->work(result, cage->data, &err);
	return outcome_send(&err, result, size) == -1;
}

/*
 * Root, in a mount namespace where the folder is all there is. The innermost
 * process is forked from here, so that no path of the host exists for it.
 */
static int cage_enter(const char *folder, struct error *err)
{
	if (unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return error_errno(err, "cannot make a mount namespace");
	if (folder == NULL) {
		folder = ENGINE_LAYERS; /* covered in this namespace only */
		if (mount("none", folder, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4096,nr_inodes=1") == -1)
			return error_errno(err, "cannot mount an empty folder");
	} else if (mount(folder, folder, NULL, MS_BIND, NULL) == -1) {
		return error_errno(err, "cannot enter %s", folder);
	}
	if (chdir(folder) == -1 || syscall(SYS_pivot_root, ".", ".") == -1 || umount2(".", MNT_DETACH) == -1 ||
	    chdir("/") == -1)
		return error_errno(err, "cannot make %s the root of the unpacking process", folder);
	return 0;
}

/* Takes what the inmate sends. 0: its outcome came, -1 with err: it did not. */
static int outcome_take(const struct cage *cage, int channel, struct error *ret_outcome, void *result, size_t size,
			struct error *err)
{
	const struct iovec parts[] = {
		{ .iov_base = ret_outcome, .iov_len = sizeof *ret_outcome },
		{ .iov_base = result, .iov_len = size },
	};

	for (;;) {
		cleanup_fd int fd = -1;
		size_t count;
		ssize_t got = packet_receive(channel, parts, 2, &fd, 1, &count, 0);
		if (count == 0)
			fd = -1;
		if (got == 1 && fd != -1 && cage->given != NULL) {
			if (cage->given(fd, cage->data, err) == -1)
				return -1;
			continue;
		}
		if (got == (ssize_t)(sizeof *ret_outcome + size) && fd == -1) {
			ret_outcome->field[sizeof ret_outcome->field - 1] = '\0';
			ret_outcome->message[sizeof ret_outcome->message - 1] = '\0';
			text_mend(ret_outcome->field);
			text_mend(ret_outcome->message);
			return 0;
		}
		return error_field(err, "tar", "the unpacking process ended too early");
	}
}

int cage_run(const struct cage *cage, void *ret_result, size_t size, struct error *err)
{
	struct error outcome = ERROR_INIT;
	int ready[2], channel[2], status = 0;

	/* The map is written through this, since /proc is out of sight in the cage. */
	cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc == -1)
		return error_errno(err, "cannot open /proc");
	if (cage_enter(cage->folder, err) == -1)
		return -1;
	if (pipe2(ready, O_CLOEXEC) == -1 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) == -1)
		return error_errno(err, "cannot make a pipe");

	pid_t pid = (pid_t)syscall(SYS_clone,
				   CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
					   CLONE_NEWPID | CLONE_NEWCGROUP | SIGCHLD,
				   NULL, NULL, NULL, 0);
	if (pid == -1)
		return error_errno(err, "cannot start the unpacking process");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[1]);
		_exit(inmate(cage, ready[0], channel[1], ret_result, size));
	}
	close(ready[0]);
	close(channel[1]);
	int failed = idmap_write(proc, pid, 0, ID_LAYER_BASE, ID_RANGE, err);
	if (failed == 0 && fd_write_full(ready[1], "", 1) == -1)
		failed = error_errno(err, "cannot start the unpacking process");
	close(ready[1]); /* without the byte the child ends by itself */
	if (failed == 0)
		failed = outcome_take(cage, channel[0], &outcome, ret_result, size, err);
	close(channel[0]); /* what it still wants to say, it says to nobody */
	if (failed == -1)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (failed == -1) {
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
			return error_field(err, "tar", "unpacking asked for something that an image may not do");
		return -1;
	}
	if (outcome.code == 0)
		return 0;
	*err = outcome;
	return -1;
}
