/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/profit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/cgroup.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/protocol.h"

enum { DEPTH_MAX = CGROUP_DEPTH_MAX + 8, PROCESSES_TEXT_MAX = 64 << 20 };

struct measurement {
	char id[ID_TEXT];
	int pipe; /* the child's struct profit */
	profit_cb *cb;
	void *data;
};

static unsigned children;

/* "<key> <number>" at the beginning of a line; 0 if there is none. */
static int64_t figure(const char *text, const char *key)
{
	size_t size = strlen(key);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, size) == 0 && line[size] == ' ')
			return strtoll(line + size, NULL, 10);
	}
	return 0;
}

void profit_add(struct profit *sum, const char *text)
{
	if (strstr(text, "ksm_merge_any: yes") == NULL)
		return;
	sum->processes++;
	sum->pages_merged += (uint64_t)figure(text, "ksm_merging_pages");
	sum->pages_zero += (uint64_t)figure(text, "ksm_zero_pages");
	sum->bytes += figure(text, "ksm_process_profit");
}

static void processes_add(struct profit *sum, const char *list)
{
	for (const char *at = list; *at != '\0'; at++) {
		char path[64], *end;
		struct error err = ERROR_INIT;
		cleanup_free char *text = NULL;
		long pid = strtol(at, &end, 10);
		if (end == at)
			return;
		snprintf(path, sizeof path, "/proc/%ld/ksm_stat", pid);
		if (file_read(path, 4096, &text, NULL, &err) == 0) /* else it has ended */
			profit_add(sum, text);
		at = end;
		if (*at == '\0')
			return;
	}
}

static void group_add(struct profit *sum, const char *path, int depth)
{
	char below[PATH_MAX];
	struct error err = ERROR_INIT;
	cleanup_free char *list = NULL;

	snprintf(below, sizeof below, "%s/cgroup.procs", path);
	if (file_read(below, PROCESSES_TEXT_MAX, &list, NULL, &err) == 0)
		processes_add(sum, list);
	DIR *dir = depth == 0 ? NULL : opendir(path);
	if (dir == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) < (int)sizeof below)
			group_add(sum, below, depth - 1);
	}
	closedir(dir);
}

__attribute__((noreturn)) static void child(const struct container_message *message, int pipe)
{
	char group[CGROUP_TEXT], path[PATH_MAX];
	struct profit sum = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpriority(PRIO_PROCESS, 0, 10);
	cgroup_container(message->realm, message->id, group);
	snprintf(path, sizeof path, CGROUP_ROOT "/%s", group);
	group_add(&sum, path, DEPTH_MAX);
	_exit(fd_write_full(pipe, &sum, sizeof sum) == -1);
}

static void ended(pid_t pid, int status, void *data)
{
	struct measurement *measurement = data;
	struct error err = ERROR_INIT;
	struct profit sum = { 0 };

	(void)pid;
	children--;
	if (fd_read_full(measurement->pipe, &sum, sizeof sum) != (ssize_t)sizeof sum)
		error_set(&err, EIO, "what merging brings container %s was not measured (status %d)", measurement->id, status);
	close(measurement->pipe);
	measurement->cb(measurement->id, &sum, err.code == 0 ? NULL : &err, measurement->data);
	free(measurement);
}

int profit_begin(struct loop *loop, const struct container_message *message, profit_cb *cb, void *data, struct error *err)
{
	int pipe[2];

	if (children == PROFIT_CHILDREN_MAX)
		return error_set(err, EBUSY, "other containers are being measured; try again in a moment");
	struct measurement *measurement = malloc(sizeof *measurement);
	if (measurement == NULL)
		return error_set(err, ENOMEM, "no memory for a measurement");
	if (pipe2(pipe, O_CLOEXEC) == -1) {
		free(measurement);
		return error_errno(err, "cannot make a pipe");
	}
	*measurement = (struct measurement){ .pipe = pipe[0], .cb = cb, .data = data };
	memcpy(measurement->id, message->id, sizeof measurement->id);
	pid_t pid = fork();
	if (pid == 0)
		child(message, pipe[1]);
	close(pipe[1]);
	if (pid == -1)
		error_errno(err, "cannot start a measurement");
	else if (loop_add_child(loop, pid, ended, measurement, err) != NULL) {
		children++;
		return 0;
	} else {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	close(pipe[0]);
	free(measurement);
	return -1;
}
