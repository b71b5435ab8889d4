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
#include "daemon/lib/log.h"
#include "initramfs/luks.h"
#include "initramfs/mounts.h"
#include "initramfs/signature.h"
#include "initramfs/swap.h"
#include "initramfs/table.h"
#include "initramfs/work.h"

/* mkfs.xfs is part of the OS root, not of the initramfs; run it there. */
static int data_make(struct error *err)
{
	static const char *const argv[] = {
		"/usr/sbin/mkfs.xfs", "-q", "-f", "-K", "-L", "data", "-m", "reflink=1", LUKS_MAPPED, NULL,
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

/* What the mapping holds instead of XFS, for the message about a mount that failed. */
static int data_blame(struct error *err)
{
	char signature[SIGNATURE_TEXT];
	struct error ignored;

	if (signature_find(LUKS_MAPPED, signature, &ignored) == -1 || strcmp(signature, "xfs") == 0)
		return -1;
	return error_wrap(err, "unlocked, but " LUKS_MAPPED " seems to hold %s instead of XFS; nothing is formatted",
			  signature[0] == '\0' ? "nothing" : signature);
}

/*
 * Tried first and asked afterwards: what a tenant wrote near the end of the disk
 * may look like a member of a RAID, which is no reason to leave the disk alone.
 */
static int data_mount(struct error *err)
{
	if (mount(LUKS_MAPPED, MOUNTS_DATA, "xfs", MS_NOATIME, "prjquota") == -1 && errno != EBUSY) {
		error_errno(err, "cannot mount the file system on " LUKS_MAPPED);
		return data_blame(err);
	}
	if (folder_make(MOUNTS_DATA "/tmp", 0755, err) == -1 || folder_make(MOUNTS_DATA "/bulkhead", 0755, err) == -1)
		return -1;
	if (chmod(MOUNTS_DATA "/tmp", 01777) == -1)
		return error_errno(err, "cannot open " MOUNTS_DATA "/tmp to all");
	return 0;
}

/* A disk that opens is ours, also one that an older agent enrolled or that was flashed anew around its data. */
static void data_mark(const struct disk *disk)
{
	struct error err = ERROR_INIT;
	bool marked;

	if (table_is_marked(disk, &marked, &err) == -1 || (!marked && table_mark(disk, &err) == -1))
		log_warning("%s", err.message); /* the next boot tries again */
}

static int data_start(const struct finish_plan *plan, struct finish_reply *reply, struct error *err)
{
	bool unfinished;

	if (luks_is_unfinished(plan->disk.data, &unfinished, err) == -1 || mounts_root(err) == -1)
		return -1;
	reply->complete = !unfinished;
	/*
	 * Unfinished: nobody was ever told that this container is theirs, so it holds
	 * nothing. Otherwise what is inside is mounted or left alone.
	 */
	if (unfinished && data_make(err) == -1)
		return -1;
	work_progress("mounting the file system");
	if (data_mount(err) == -1)
		return -1;
	if (unfinished) {
		sync();
		if (table_mark(&plan->disk, err) == -1 || luks_finish(plan->disk.data, err) == -1)
			return -1;
		reply->complete = true;
	} else {
		data_mark(&plan->disk);
	}
	return 0;
}

static int swap_by_uuid(const struct disk *disk, struct error *err)
{
	char path[DISK_PATH_MAX];

	if (disk->swap_uuid[0] == '\0')
		return swap_start(disk->swap, err);
	return disk_by_uuid(disk->swap_uuid, path, err) == -1 ? -1 : swap_start(path, err);
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
	else if (swap_by_uuid(&plan->disk, &err) == -1)
		snprintf(reply->warning, sizeof reply->warning, "no swap: %.240s", err.message);
	else
		reply->swap = true;
}
