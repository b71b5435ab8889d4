/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/lib/error.h"

/* What libc, the event loop and the channels of any role use. */
static const int base_syscalls[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close),
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek), SCMP_SYS(fcntl), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(openat), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_create1),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(signalfd4), SCMP_SYS(eventfd2),
	SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(shutdown),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(getrandom),
	SCMP_SYS(futex), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(tgkill),
};

/* Async-signal-safe: names the call that was denied and ends the process. */
static void denied(int signo, siginfo_t *info, void *context)
{
	char line[] = "sandbox: error: denied system call      ; the role ends\n";
	char *digit = line + sizeof "sandbox: error: denied system call      " - 2;
	unsigned int number = (unsigned int)info->si_syscall;

	(void)signo;
	(void)context;
	for (int i = 0; i < 4; i++, number /= 10)
		*digit-- = (char)('0' + number % 10);
	if (write(STDERR_FILENO, line, sizeof line - 1) == -1) {
		/* Ending is all that is left. */
	}
	_exit(159);
}

static int filter_load(const struct sandbox *sandbox, struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int result = filter == NULL ? -ENOMEM : 0;

	for (size_t i = 0; result == 0 && i < sizeof base_syscalls / sizeof base_syscalls[0]; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, base_syscalls[i], 0);
	for (size_t i = 0; result == 0 && i < sandbox->syscall_count; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, sandbox->syscalls[i], 0);
	/* Memory, but never executable. */
	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
					  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
					  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (result == 0)
		result = seccomp_load(filter);
	if (filter != NULL)
		seccomp_release(filter);
	if (result != 0)
		return error_set(err, -result, "cannot load the system call filter (libseccomp: %d)", result);
	return 0;
}

static int limit_set(__rlimit_resource_t what, uint64_t value, struct error *err)
{
	struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

	if (setrlimit(what, &limit) == -1)
		return error_errno(err, "cannot set resource limit %d", (int)what);
	return 0;
}

static int capabilities_keep(uint64_t kept, struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted = (uint32_t)(kept >> 32 * i);
	if (syscall(SYS_capset, &header, data) == -1)
		return error_errno(err, "cannot give up capabilities");
	return 0;
}

int sandbox_enter(const struct sandbox *sandbox, struct error *err)
{
	struct sigaction action = { .sa_sigaction = denied, .sa_flags = SA_SIGINFO };

	if (sigaction(SIGSYS, &action, NULL) == -1)
		return error_errno(err, "cannot handle SIGSYS");
	if (limit_set(RLIMIT_NOFILE, sandbox->files_max, err) == -1 || limit_set(RLIMIT_CORE, 0, err) == -1 ||
	    (sandbox->memory_max != 0 && limit_set(RLIMIT_AS, sandbox->memory_max, err) == -1))
		return -1;
	if (setgroups(0, NULL) == -1 || setresgid(sandbox->gid, sandbox->gid, sandbox->gid) == -1 ||
	    setresuid(sandbox->uid, sandbox->uid, sandbox->uid) == -1)
		return error_errno(err, "cannot become user %d", (int)sandbox->uid);
	if (capabilities_keep(sandbox->capabilities, err) == -1)
		return -1;
	/* No process may be made from here on: neither by fork (also not on the list) nor by exec. */
	if (limit_set(RLIMIT_NPROC, 0, err) == -1)
		return -1;
	/* Set after the change of user, which clears it: the role ends with its supervisor. */
	if (prctl(PR_SET_PDEATHSIG, sandbox->alone ? 0 : SIGTERM) == -1 || prctl(PR_SET_DUMPABLE, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return error_errno(err, "cannot give up privileges");
	if (!sandbox->alone && getppid() == 1)
		return error_set(err, ESRCH, "the supervisor is gone");
	return filter_load(sandbox, err);
}
