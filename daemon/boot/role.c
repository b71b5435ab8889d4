/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/boot/role.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/supervisor/supervisor.h"

static pid_t supervisor_pid(struct error *err)
{
	cleanup_free char *text = NULL;

	if (file_read(SUPERVISOR_PID_PATH, 32, &text, NULL, err) == -1)
		return -1;
	long pid = strtol(text, NULL, 10);
	if (pid < 2)
		return error_set(err, ESRCH, "the daemon is just starting");
	return (pid_t)pid;
}

/* What can be killed, by its words: all of them, or those that it begins with. */
static const struct target {
	const char *name, *first, *second;
	bool whole;
	bool of_init; /* not of the supervisor */
} targets[] = {
	{ "api", "bulkheadd", "api", true, false },
	{ "engine", "bulkheadd", "engine", true, false },
	{ "gate", "bulkheadd", "gate", true, false },
	{ "names", "bulkheadd", "names", true, false },
	{ "audit", "bulkheadd", "audit", true, false },
	{ "records", "bulkheadd", "records", true, false },
	{ "daemon", "/usr/bin/bulkheadd", NULL, true, true },
	{ "proxy", "/usr/sbin/haproxy", NULL, false, true }, /* its master: the worker ends with it */
};

static bool process_is(pid_t pid, pid_t parent, const struct target *target)
{
	char path[64], wanted[64];
	cleanup_free char *stat = NULL, *words = NULL;
	struct error err = ERROR_INIT;
	size_t size = 0;

	int wanted_size = target->second == NULL ? snprintf(wanted, sizeof wanted, "%s", target->first)
						 : snprintf(wanted, sizeof wanted, "%s%c%s", target->first, '\0', target->second);
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (file_read(path, 4096, &stat, NULL, &err) == -1)
		return false;
	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	if (file_read(path, 4096, &words, &size, &err) == -1)
		return false;
	/* The name, field 2, may hold anything; what follows its last ")" is state and parent. */
	const char *at = strrchr(stat, ')');
	if (at == NULL || strlen(at) < 5 || strtol(at + 4, NULL, 10) != parent)
		return false;
	size_t needed = (size_t)wanted_size + 1;
	return (target->whole ? size == needed : size >= needed) && memcmp(words, wanted, needed) == 0;
}

/* The order matters: a descriptor first, then the look whether it is the process meant. 1: killed, 0: another one. */
static int process_kill(pid_t pid, pid_t parent, const struct target *target, struct error *err)
{
	cleanup_fd int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd == -1 || !process_is(pid, parent, target))
		return 0;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == -1)
		return error_errno(err, "cannot kill process %d", (int)pid);
	return 1;
}

int role_kill(const char *name, struct error *err)
{
	const struct target *target = NULL;
	int done = 0;

	for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
		if (strcmp(name, targets[i].name) == 0)
			target = &targets[i];
	if (target == NULL)
		return error_set(err, EINVAL, "the roles are api, engine, gate, names, audit, records; daemon for all of them, proxy for HAProxy; not %.32s", name);
	pid_t parent = target->of_init ? 1 : supervisor_pid(err);
	if (parent == -1)
		return -1;
	DIR *dir = opendir("/proc");
	if (dir == NULL)
		return error_errno(err, "cannot read /proc");
	for (struct dirent *entry; done == 0 && (entry = readdir(dir)) != NULL;) {
		long pid = strtol(entry->d_name, NULL, 10);
		if (pid > 1)
			done = process_kill((pid_t)pid, parent, target, err);
	}
	closedir(dir);
	if (done == 0)
		return error_set(err, ESRCH, "%s does not run just now; it is being started", name);
	return done == -1 ? -1 : 0;
}
