/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/lib/error.h"

static const int dropped[] = {
	CAP_SYS_MODULE, CAP_SYS_RAWIO,    CAP_SYS_BOOT,      CAP_SYS_TIME,   CAP_SYS_PACCT, CAP_SYS_TTY_CONFIG,
	CAP_LEASE,      CAP_IPC_LOCK,     CAP_IPC_OWNER,     CAP_AUDIT_READ, CAP_AUDIT_CONTROL,
	CAP_AUDIT_WRITE, CAP_MAC_ADMIN,   CAP_MAC_OVERRIDE,  CAP_SYSLOG,     CAP_WAKE_ALARM,
	CAP_BLOCK_SUSPEND, CAP_LINUX_IMMUTABLE, CAP_NET_BROADCAST, CAP_PERFMON, CAP_CHECKPOINT_RESTORE,
};

/* Filters are inherited: nothing may stand here that a container's programs need. */
static const int refused[] = {
	SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(init_module), SCMP_SYS(finit_module),
	SCMP_SYS(delete_module), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct),
	SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime),
	SCMP_SYS(adjtimex), SCMP_SYS(syslog), SCMP_SYS(open_by_handle_at), SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
	SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(lookup_dcookie), SCMP_SYS(quotactl),
	SCMP_SYS(move_pages), SCMP_SYS(migrate_pages),
};

static int capabilities_drop(struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) == -1)
		return error_errno(err, "cannot read the engine's capabilities");
	for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
		unsigned cap = (unsigned)dropped[i];
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return error_errno(err, "cannot drop capability %u", cap);
		data[cap / 32].effective &= ~(1U << cap % 32);
		data[cap / 32].permitted &= ~(1U << cap % 32);
		data[cap / 32].inheritable &= ~(1U << cap % 32);
	}
	if (syscall(SYS_capset, &header, data) == -1)
		return error_errno(err, "cannot drop the engine's capabilities");
	return 0;
}

int confine_enter(struct error *err)
{
	if (capabilities_drop(err) == -1)
		return -1;

	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int result = filter == NULL ? -ENOMEM : seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	/* The kernel has no 32-bit calls. Were it built with them, the list would not see them: they get its answer. */
	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	for (size_t i = 0; result == 0 && i < sizeof refused / sizeof *refused; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	if (result != 0)
		return error_set(err, -result, "cannot confine the engine: %s", strerror(-result));
	return 0;
}
