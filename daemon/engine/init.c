/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/init.h"

#include <linux/ioctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

/* Kept by the pidfd after the process was reaped (PIDFD_GET_INFO, Linux 6.15). */
int32_t init_exit_status(int pidfd, bool killed)
{
	struct {
		uint64_t mask, cgroupid;
		uint32_t ids[12]; /* pid, tgid, ppid, then eight user and group ids, then exit_code */
	} info = { .mask = 1 << 3 /* PIDFD_INFO_EXIT */ };
	enum { EXIT_CODE = 11 };

	if (pidfd == -1 || ioctl(pidfd, _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, sizeof info), &info) == -1 ||
	    (info.mask & 1 << 3) == 0)
		return killed ? SIGKILL : 0; /* not reaped yet */
	return (int32_t)info.ids[EXIT_CODE];
}

/* A mask of signals of /proc/<pid>/status; 0 if it cannot be read. */
static uint64_t signals_read(const char *status, const char *key)
{
	const char *at = status == NULL ? NULL : strstr(status, key);

	return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 16);
}

/*
 * systemd blocks SIGRTMIN+3 and powers off on it; any other /sbin/init knows
 * SIGPWR; a command knows SIGTERM. What it neither catches nor waits for, the
 * first process of a pid namespace never sees.
 */
int init_halt_signal(pid_t pid, bool system, int wanted)
{
	char path[64];
	struct error err = ERROR_INIT;
	cleanup_free char *status = NULL;
	int systemd = SIGRTMIN + 3, signal = SIGTERM;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	(void)file_read(path, 16 * 1024, &status, NULL, &err); /* gone already: nothing to ask */
	uint64_t blocked = signals_read(status, "SigBlk:"), caught = signals_read(status, "SigCgt:");
	if (wanted != 0)
		signal = wanted;
	else if (system)
		signal = (blocked >> (systemd - 1) & 1) != 0 ? systemd : SIGPWR;
	return ((blocked | caught) >> (signal - 1) & 1) != 0 ? signal : 0;
}
