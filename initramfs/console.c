/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/console.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "initramfs/process.h"

enum { CONSOLES_MAX = 8, RESPAWN_MS = 1000 };

struct console {
	char name[24]; /* "ttyS0"; "": free place */
	pid_t pid;
};

static struct {
	struct loop_source *timer;
	struct console consoles[CONSOLES_MAX];
	bool stopped;
} consoles;

static void console_ended(pid_t pid, int status, void *data)
{
	struct console *console = data;
	struct error ignored;

	(void)status;
	if (console->pid != pid)
		return;
	console->pid = 0;
	if (!consoles.stopped)
		(void)loop_set_timer(consoles.timer, RESPAWN_MS, &ignored);
}

static void console_spawn(struct console *console)
{
	char path[32];
	const char *const argv[] = { "/bin/bulkhead-unlock", "--console", console->name, NULL };
	const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=linux", NULL };
	const struct process_plan plan = { .argv = argv, .envp = envp, .tty = path, .output = -1 };
	struct error err = ERROR_INIT;

	snprintf(path, sizeof path, "/dev/%s", console->name);
	console->pid = process_spawn(&plan, console_ended, console, &err);
	if (console->pid == -1) {
		console->pid = 0;
		log_warning("no prompt on %s: %s", path, err.message);
		(void)loop_set_timer(consoles.timer, RESPAWN_MS, &err);
	}
}

static void console_add(const char *name)
{
	char path[32];

	/* tty0 stands for whichever virtual terminal is shown; the first is, at boot. */
	if (strcmp(name, "tty0") == 0)
		name = "tty1";
	snprintf(path, sizeof path, "/dev/%.23s", name);
	if (access(path, F_OK) == -1)
		return;
	for (size_t i = 0; i < CONSOLES_MAX; i++) {
		struct console *console = &consoles.consoles[i];

		if (strcmp(console->name, name) == 0)
			return;
		if (console->name[0] == '\0') {
			snprintf(console->name, sizeof console->name, "%.23s", name);
			return;
		}
	}
}

static void console_due(void *data)
{
	(void)data;
	for (size_t i = 0; i < CONSOLES_MAX && !consoles.stopped; i++)
		if (consoles.consoles[i].name[0] != '\0' && consoles.consoles[i].pid == 0)
			console_spawn(&consoles.consoles[i]);
}

void console_start(struct loop *loop)
{
	cleanup_free char *text = NULL;
	struct error err = ERROR_INIT;

	consoles.timer = loop_add_timer(loop, -1, console_due, NULL, &err);
	if (consoles.timer == NULL)
		log_warning("%s", err.message);
	if (file_read("/sys/class/tty/console/active", 256, &text, NULL, &err) == 0) {
		char *rest = text;
		for (char *name; (name = strsep(&rest, " \n")) != NULL;)
			if (name[0] != '\0')
				console_add(name);
	}
	/* A screen is useful even if the kernel's messages go to a serial line alone. */
	console_add("tty1");
	console_due(NULL);
}

void console_release(void)
{
	consoles.stopped = true;
}

unsigned console_stop(void)
{
	unsigned running = 0;

	consoles.stopped = true;
	for (size_t i = 0; i < CONSOLES_MAX; i++) {
		if (consoles.consoles[i].pid <= 0)
			continue;
		running++;
		kill(consoles.consoles[i].pid, SIGTERM);
	}
	return running;
}
