/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/finish.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "initramfs/luks.h"
#include "initramfs/mounts.h"
#include "initramfs/signature.h"
#include "initramfs/swap.h"
#include "initramfs/work.h"

#define DATA MOUNTS_ROOT "/data"

/* mkfs.xfs is part of the OS root, not of the initramfs; run it there. */
static int data_make(struct error *err)
{
	static const char *const argv[] = {
		"/usr/sbin/mkfs.xfs", "-q", "-K", "-L", "data", "-m", "reflink=1", LUKS_MAPPED, NULL,
	};
	int status;

	work_progress("making the file system");
	pid_t pid = fork();
	if (pid == -1)
		return error_errno(err, "cannot start mkfs.xfs");
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		if (chroot(MOUNTS_ROOT) == 0 && chdir("/") == 0)
			execve(argv[0], (char *const *)(uintptr_t)argv, (char *[]){ NULL });
		_exit(127);
	}
	if (waitpid(pid, &status, 0) == -1)
		return error_errno(err, "lost mkfs.xfs");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, EIO, "mkfs.xfs failed on " LUKS_MAPPED " (status %d); see the kernel log",
				 WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	return 0;
}

static int data_mount(struct error *err)
{
	if (mount(LUKS_MAPPED, DATA, "xfs", MS_NOATIME, "prjquota") == -1 && errno != EBUSY)
		return error_errno(err, "cannot mount the file system on " LUKS_MAPPED);
	if (folder_make(DATA "/tmp", 0755, err) == -1 || folder_make(DATA "/bulkhead", 0755, err) == -1)
		return -1;
	if (chmod(DATA "/tmp", 01777) == -1)
		return error_errno(err, "cannot open " DATA "/tmp to all");
	return 0;
}

static int data_start(const struct finish_plan *plan, struct finish_reply *reply, struct error *err)
{
	char signature[SIGNATURE_TEXT];
	bool unfinished;

	if (luks_is_unfinished(plan->disk.data, &unfinished, err) == -1 || mounts_root(err) == -1)
		return -1;
	/*
	 * Unfinished: nobody was ever told that this container is theirs, so it holds
	 * nothing. Otherwise what is inside is mounted or left alone.
	 */
	if (unfinished) {
		if (data_make(err) == -1)
			return -1;
		reply->formatted = true;
	} else {
		if (signature_find(LUKS_MAPPED, signature, err) == -1)
			return -1;
		if (strcmp(signature, "xfs") != 0)
			return error_set(err, EINVAL,
					 "unlocked, but " LUKS_MAPPED " holds %s instead of XFS; nothing is formatted",
					 signature[0] == '\0' ? "nothing" : signature);
	}
	work_progress("mounting the file system");
	if (data_mount(err) == -1)
		return -1;
	if (unfinished) {
		sync();
		if (disk_mark_encrypted(&plan->disk, err) == -1 || luks_finish(plan->disk.data, err) == -1)
			return -1;
	}
	return 0;
}

void finish_run(const void *argument, int secret_fd, void *result)
{
	const struct finish_plan *plan = argument;
	struct finish_reply *reply = result;
	struct error err = ERROR_INIT;

	(void)secret_fd;
	if (data_start(plan, reply, &err) == -1) {
		snprintf(reply->message, sizeof reply->message, "%s", err.message);
		return;
	}
	reply->done = true;
	if (plan->disk.swap[0] == '\0')
		snprintf(reply->warning, sizeof reply->warning, "no swap: the disk has no partition " DISK_LABEL_SWAP);
	else if (swap_start(plan->disk.swap, &err) == -1)
		snprintf(reply->warning, sizeof reply->warning, "no swap: %.240s", err.message);
	else
		reply->swap = true;
}
