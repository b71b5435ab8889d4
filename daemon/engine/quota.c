/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/quota.h"

#include <errno.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/lib/error.h"

#ifndef PRJQUOTA
#define PRJQUOTA 2 /* linux/quota.h, which does not go together with sys/quota.h */
#endif

/* An empty file takes an inode and no block: without this one container makes as many as the disk holds. */
static uint64_t inodes_of(uint64_t bytes)
{
	enum { BYTES_PER_INODE = 16 * 1024, INODES_MIN = 16 * 1024 }; /* a small system has some thousand files */
	uint64_t inodes = bytes / BYTES_PER_INODE;

	return bytes == 0 || inodes >= INODES_MIN ? inodes : INODES_MIN;
}

void quota_used(int fd, uint32_t project, uint64_t *ret_bytes, uint64_t *ret_files)
{
	struct fs_disk_quota quota = { 0 };

	*ret_bytes = *ret_files = 0;
	if (syscall(SYS_quotactl_fd, fd, QCMD(Q_XGETQUOTA, PRJQUOTA), project, &quota) == -1)
		return; /* nothing was written yet, or nothing is counted here */
	*ret_bytes = quota.d_bcount * 512;
	*ret_files = quota.d_icount;
}

int quota_set(int fd, uint32_t project, uint64_t bytes, struct error *err)
{
	struct fsxattr attr;
	struct fs_disk_quota limits = {
		.d_version = FS_DQUOT_VERSION,
		.d_flags = FS_PROJ_QUOTA,
		.d_id = project,
		.d_fieldmask = FS_DQ_BHARD | FS_DQ_BSOFT | FS_DQ_IHARD | FS_DQ_ISOFT,
		.d_blk_hardlimit = (bytes + 511) / 512, /* basic blocks of 512 bytes */
		.d_ino_hardlimit = inodes_of(bytes),
	};

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attr) == -1)
		return error_errno(err, "cannot read the project id of a container's folder");
	attr.fsx_projid = project;
	attr.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &attr) == -1)
		return error_errno(err, "cannot set the project id of a container's folder");

	limits.d_blk_softlimit = limits.d_blk_hardlimit;
	limits.d_ino_softlimit = limits.d_ino_hardlimit;
	if (syscall(SYS_quotactl_fd, fd, QCMD(Q_XSETQLIM, PRJQUOTA), project, &limits) == -1) {
		if (bytes == 0)
			return 0; /* nothing to enforce */
		int saved = errno;
		error_errno(err, "cannot limit the disk space of a container; /data must be XFS mounted with prjquota");
		err->code = saved == ESRCH || saved == ENOSYS ? ENOTSUP : saved;
		return -1;
	}
	return 0;
}
