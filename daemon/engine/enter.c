/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/enter.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/engine/account.h"
#include "daemon/engine/policy.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { STATUS_SIZE_MAX = 16 * 1024, FILES_SOFT = 1024 };

static int bounding_read(pid_t pid, uint64_t *ret_bounding, struct error *err)
{
	char path[64];
	cleanup_free char *status = NULL;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	if (file_read(path, STATUS_SIZE_MAX, &status, NULL, err) == -1)
		return error_set(err, ESRCH, "the container has just ended");
	const char *at = strstr(status, "\nCapBnd:");
	if (at == NULL)
		return error_set(err, EBADMSG, "%s does not tell capabilities", path);
	*ret_bounding = strtoull(at + strlen("\nCapBnd:"), NULL, 16);
	return 0;
}

int enter_prepare(struct enter *enter, int init_fd, pid_t pid, const char *policy, struct error *err)
{
	*enter = (struct enter){ .init_fd = init_fd };
	if (bounding_read(pid, &enter->bounding, err) == -1)
		return -1;
	if (prlimit(pid, RLIMIT_NOFILE, NULL, &enter->files) == -1 || prlimit(pid, RLIMIT_CORE, NULL, &enter->core) == -1)
		return error_errno(err, "cannot read the limits of the container's init");
	/* Still the process of the descriptor, so what was read is about it. */
	if (syscall(SYS_pidfd_send_signal, init_fd, 0, NULL, 0) == -1)
		return error_set(err, ESRCH, "the container has just ended");
	/* An init may have raised its own soft limit; programs that use select(2) expect this one. */
	if (enter->files.rlim_cur > FILES_SOFT)
		enter->files.rlim_cur = FILES_SOFT;
	enter->policy = policy_read(policy, err);
	return enter->policy == NULL ? -1 : 0;
}

int enter_pids(const struct enter *enter, struct error *err)
{
	if (setns(enter->init_fd, CLONE_NEWPID) == -1)
		return error_errno(err, "cannot enter the container's processes");
	return 0;
}

int enter_namespaces(const struct enter *enter, struct error *err)
{
	const int spaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

	if (setrlimit(RLIMIT_NOFILE, &enter->files) == -1 || setrlimit(RLIMIT_CORE, &enter->core) == -1)
		return error_errno(err, "cannot take the container's limits");
	/* Nobody in there may look into a process that still is half of the host. */
	if (prctl(PR_SET_DUMPABLE, 0) == -1)
		return error_errno(err, "cannot hide a process");
	if (setns(enter->init_fd, spaces) == -1)
		return error_errno(err, "cannot enter the container");
	if (setgroups(0, NULL) == -1 || setresgid(0, 0, 0) == -1 || setresuid(0, 0, 0) == -1)
		return error_errno(err, "cannot become the container's root");
	if (chdir("/") == -1)
		return error_errno(err, "cannot enter the container's root folder");
	umask(0022);
	return 0;
}

static int capabilities_limit(uint64_t bounding, struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	for (unsigned cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if ((bounding >> cap & 1) == 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return error_errno(err, "cannot drop capability %u", cap);
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted = (uint32_t)(bounding >> 32 * i);
	if (syscall(SYS_capset, &header, data) == -1)
		return error_errno(err, "cannot take the container's capabilities");
	return 0;
}

int enter_user(const struct enter *enter, const struct account *account, struct error *err)
{
	if (policy_load(enter->policy, err) == -1 || capabilities_limit(enter->bounding, err) == -1)
		return -1;
	if (setgroups(account->group_count, account->groups) == -1 ||
	    setresgid(account->gid, account->gid, account->gid) == -1 ||
	    setresuid(account->uid, account->uid, account->uid) == -1)
		return error_errno(err, "cannot become user %u of the container", (unsigned)account->uid);
	return 0;
}
