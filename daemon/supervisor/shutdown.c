/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shutdown: run by init before power-off and reboot (inittab, `::shutdown:`).
 * Containers get their time to end, then the daemon goes.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/roles.h"
#include "daemon/supervisor/supervisor.h"

enum { SHUTDOWN_WAIT_MS = 120000 };

int shutdown_main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	cleanup_free char *text = NULL;

	(void)argc;
	(void)argv;
	cleanup_fd int lock = open(SUPERVISOR_PID_PATH, O_RDONLY | O_CLOEXEC);
	if (lock == -1 || flock(lock, LOCK_SH | LOCK_NB) == 0) {
		log_info("no daemon runs, nothing to stop");
		return 0; /* the lock is free: whoever had the pid is gone */
	}
	if (file_read(SUPERVISOR_PID_PATH, 32, &text, NULL, &err) == -1) {
		log_error("%s", err.message);
		return 1;
	}
	pid_t pid = (pid_t)strtol(text, NULL, 10);
	cleanup_fd int pidfd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (pidfd == -1) {
		log_info("the daemon has ended already");
		return 0;
	}
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGPWR, NULL, 0) == -1) {
		error_errno(&err, "cannot signal the supervisor, pid %d", (int)pid);
		log_error("%s", err.message);
		return 1;
	}
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };
	int ready;
	do
		ready = poll(&wait, 1, SHUTDOWN_WAIT_MS);
	while (ready == -1 && errno == EINTR);
	if (ready != 1) {
		log_error("the daemon did not end within %d s; containers may be cut off", SHUTDOWN_WAIT_MS / 1000);
		return 1;
	}
	return 0;
}
