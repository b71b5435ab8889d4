/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/usage.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/engine/cgroup.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/quota.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/protocol.h"

enum { FILE_MAX = 64 * 1024 };

/* A file of the group; NULL if it is not there. The caller frees it. */
static char *group_read(const char *group, const char *name)
{
	char path[PATH_MAX];
	struct error err = ERROR_INIT;
	char *text = NULL;

	snprintf(path, sizeof path, CGROUP_ROOT "/%s/%s", group, name);
	return file_read(path, FILE_MAX, &text, NULL, &err) == -1 ? NULL : text;
}

static uint64_t group_number(const char *group, const char *name)
{
	cleanup_free char *text = group_read(group, name);

	return text == NULL ? 0 : strtoull(text, NULL, 10);
}

/* The number behind "key " at the beginning of a line. */
static uint64_t line_number(const char *text, const char *key)
{
	size_t size = strlen(key);

	for (const char *at = text; at != NULL && *at != '\0'; at = strchr(at, '\n'), at += at != NULL)
		if (strncmp(at, key, size) == 0 && at[size] == ' ')
			return strtoull(at + size, NULL, 10);
	return 0;
}

/* The sum over devices of "key=" in io.stat. */
static uint64_t devices_sum(const char *text, const char *key)
{
	uint64_t sum = 0;
	size_t size = strlen(key);

	for (const char *at = text; at != NULL && (at = strstr(at, key)) != NULL; at += size)
		sum += strtoull(at + size, NULL, 10);
	return sum;
}

/* "some avg10=0.12 avg60=... avg300=... total=..." (Documentation/accounting/psi.rst) */
static void stall_read(const char *text, const char *kind, struct usage_stall *stall)
{
	static const char *const spans[] = { "avg10=", "avg60=", "avg300=" };
	const char *line = text == NULL ? NULL : strstr(text, kind);
	const char *at;

	if (line == NULL)
		return;
	for (int i = 0; i < 3; i++)
		if ((at = strstr(line, spans[i])) != NULL)
			stall->average[i] = (uint32_t)(strtod(at + strlen(spans[i]), NULL) * 100 + 0.5);
	if ((at = strstr(line, "total=")) != NULL)
		stall->total_us = strtoull(at + strlen("total="), NULL, 10);
}

static void pressure_read(const char *group, const char *name, struct usage_stall *some, struct usage_stall *full)
{
	cleanup_free char *text = group_read(group, name);

	stall_read(text, "some", some);
	stall_read(text, "full", full);
}

static void disk_read(const struct container_message *container, struct usage_message *usage)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, ENGINE_CONTAINERS "/%s", container->id);
	cleanup_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1)
		quota_used(fd, container->id_base, &usage->disk_bytes, &usage->disk_files);
}

uint64_t usage_memory_held(const struct container_message *container)
{
	char group[CGROUP_TEXT];

	cgroup_container(container->realm, container->id, group);
	cleanup_free char *stat = group_read(group, "memory.stat");
	return line_number(stat, "anon") + line_number(stat, "shmem") + line_number(stat, "kernel") -
	       line_number(stat, "slab_reclaimable");
}

void usage_read(const struct container_message *container, struct usage_message *ret_usage)
{
	struct usage_message usage = { .cpu_us = 0 };
	char group[CGROUP_TEXT];

	memcpy(usage.id, container->id, sizeof usage.id);
	cgroup_container(container->realm, container->id, group);
	cleanup_free char *cpu = group_read(group, "cpu.stat"), *io = group_read(group, "io.stat"),
			   *events = group_read(group, "memory.events");
	usage.cpu_us = line_number(cpu, "usage_usec");
	usage.cpu_user_us = line_number(cpu, "user_usec");
	usage.cpu_system_us = line_number(cpu, "system_usec");
	usage.cpu_throttled_us = line_number(cpu, "throttled_usec");
	usage.memory = group_number(group, "memory.current");
	usage.memory_peak = group_number(group, "memory.peak");
	usage.swap = group_number(group, "memory.swap.current");
	usage.oom_kills = line_number(events, "oom_kill");
	usage.pids = group_number(group, "pids.current");
	usage.read_bytes = devices_sum(io, "rbytes=");
	usage.written_bytes = devices_sum(io, "wbytes=");
	usage.reads = devices_sum(io, "rios=");
	usage.writes = devices_sum(io, "wios=");
	pressure_read(group, "cpu.pressure", &usage.some[USAGE_CPU], &usage.full[USAGE_CPU]);
	pressure_read(group, "memory.pressure", &usage.some[USAGE_MEMORY], &usage.full[USAGE_MEMORY]);
	pressure_read(group, "io.pressure", &usage.some[USAGE_IO], &usage.full[USAGE_IO]);
	disk_read(container, &usage);
	*ret_usage = usage;
}
