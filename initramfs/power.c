/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/power.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "initramfs/notice.h"
#include "initramfs/process.h"

enum {
	ANSWER_MS = 700,  /* for the answer to reach the client */
	SYNC_MS = 5000,   /* for the disk to take what is written */
};

static struct {
	struct loop *loop;
	struct loop_source *answer, *limit;
	int how; /* of reboot(2) */
} asked;

static void power_now(void *data)
{
	(void)data;
	if (reboot(asked.how) == -1)
		notice("cannot restart or power off: %s", strerror(errno));
}

static void power_synced(pid_t pid, int status, void *data)
{
	(void)pid, (void)status;
	power_now(data);
}

/* sync(2) waits for a disk that hangs for ever: a child does, and only so long. */
static void power_sync(void *data)
{
	struct error err = ERROR_INIT;

	asked.limit = loop_add_timer(asked.loop, SYNC_MS, power_now, NULL, &err);
	pid_t child = asked.limit == NULL ? -1 : process_fork(&err);
	if (child == 0) {
		sync();
		_exit(0);
	}
	if (child == -1 || process_watch(child, power_synced, NULL, &err) == -1) {
		log_warning("%s", err.message);
		power_now(data);
	}
}

void power_ask(const char *origin, bool off)
{
	struct error err = ERROR_INIT;

	notice("%s asked for by %s", off ? "power-off" : "restart", origin);
	asked.how = off ? RB_POWER_OFF : RB_AUTOBOOT;
	if (asked.answer != NULL)
		return; /* under way; the last word counts */
	asked.answer = loop_add_timer(asked.loop, ANSWER_MS, power_sync, NULL, &err);
	if (asked.answer == NULL)
		power_sync(NULL);
}

static void ctrl_alt_del(int signo, void *data)
{
	(void)signo, (void)data;
	power_ask("the keyboard", false);
}

void power_start(struct loop *loop)
{
	struct error err = ERROR_INIT;

	asked.loop = loop;
	if (reboot(RB_DISABLE_CAD) == -1)
		return; /* the kernel restarts at once, then */
	if (loop_add_signal(loop, SIGINT, ctrl_alt_del, NULL, &err) == NULL)
		notice("Ctrl-Alt-Del is not heard: %s", err.message);
}
