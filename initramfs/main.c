/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bulkhead-init: PID 1 of the initramfs. A straight line that never returns:
 * whatever fails is told, and tried again after a pause.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/klog.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "initramfs/agent.h"
#include "initramfs/handover.h"
#include "initramfs/mounts.h"

enum { PAUSE_S = 5, KLOG_CONSOLE_LEVEL = 8, KLOG_ERRORS = 4 };

/* Standard error becomes the kernel log: it never blocks, and the OS can read it after the hand-over. */
static void main_descriptors(void)
{
	struct error ignored;
	int fd;

	(void)file_poke("/proc/sys/kernel/printk_devkmsg", "on\n", &ignored); /* no rate limit for us */
	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= 2);
	cleanup_fd int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	cleanup_fd int null = fd;
	if (null == -1 || log == -1)
		return; /* what the kernel opened stays: the console */
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(log, STDERR_FILENO);
	/* Prompts share the consoles; there the kernel shows errors only. */
	(void)klogctl(KLOG_CONSOLE_LEVEL, NULL, KLOG_ERRORS);
}

static void pause_and_tell(const struct error *err)
{
	log_error("%s; trying again in %d s", err->message, PAUSE_S);
	sleep(PAUSE_S);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct loop *loop;

	(void)argc;
	log_init("bulkhead-init", LOG_LEVEL_INFO);
	if (getpid() != 1) {
		log_error("%s is the first process of the initramfs; it does nothing elsewhere", argv[0]);
		return 2;
	}
	int mounted = mounts_start(&err);
	main_descriptors();
	log_init("bulkhead-init", LOG_LEVEL_INFO); /* standard error is another one now */
	if (mounted == -1)
		log_error("%s", err.message); /* the rest is tried all the same */
	(void)signal(SIGPIPE, SIG_IGN);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);

	while ((loop = loop_new(&err)) == NULL)
		pause_and_tell(&err);
	while (agent_start(loop, &err) == -1)
		pause_and_tell(&err);
	while (loop_run(loop, &err) == -1)
		pause_and_tell(&err);

	agent_leave_record();
	for (;;) {
		(void)handover_run(&err);
		pause_and_tell(&err);
	}
}
