/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "daemon/engine/cgroup.h"
#include "daemon/engine/content.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/quota.h"
#include "daemon/engine/usage.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/protocol.h"

static void limit_make(struct limit *limit, const char *file, uint64_t value)
{
	limit->file = file;
	snprintf(limit->value, sizeof limit->value, "%" PRIu64, value);
}

static void limit_none(struct limit *limit, const char *file)
{
	limit->file = file;
	snprintf(limit->value, sizeof limit->value, "max");
}

static void rate_print(char *text, size_t size, const char *key, uint64_t rate)
{
	size_t used = strlen(text);

	if (rate == 0)
		snprintf(text + used, size - used, " %s=max", key);
	else
		snprintf(text + used, size - used, " %s=%" PRIu64, key, rate);
}

/* Of the device that the file system of containers is on. */
static void disk_rate_make(const struct container_message *message, struct limit *limit)
{
	struct stat st;

	*limit = (struct limit){ .file = "io.max" };
	if (stat(ENGINE_CONTAINERS, &st) == -1)
		return;
	snprintf(limit->value, sizeof limit->value, "%u:%u", major(st.st_dev), minor(st.st_dev));
	rate_print(limit->value, sizeof limit->value, "rbps", message->read_max);
	rate_print(limit->value, sizeof limit->value, "wbps", message->write_max);
}

void limits_make(const struct container_message *message, struct limit limits[LIMITS_COUNT])
{
	limit_none(&limits[0], "memory.high");
	limit_none(&limits[1], "memory.max");
	if (message->memory_max != 0) {
		/* It is slowed down, and its page cache thinned, before it is hurt. */
		limit_make(&limits[0], "memory.high", message->memory_max / 100 * 95);
		limit_make(&limits[1], "memory.max", message->memory_max);
	}
	if (message->memory_high != 0)
		limit_make(&limits[0], "memory.high", message->memory_high);
	limit_make(&limits[2], "memory.swap.max", message->swap_max);
	limit_none(&limits[3], "cpu.max");
	if (message->cpu_percent != 0)
		snprintf(limits[3].value, sizeof limits[3].value, "%u 100000", message->cpu_percent * 1000);
	limit_make(&limits[4], "cpu.weight", message->cpu_weight);
	limit_make(&limits[5], "pids.max", message->pids_max);
	limits[6] = (struct limit){ .file = "cpuset.cpus" };
	snprintf(limits[6].value, sizeof limits[6].value, "%s", message->cpus);
	disk_rate_make(message, &limits[7]);
}

/* What is shared of its files weighs on its limit all the same: else it could be had again and again. */
uint64_t limits_disk(const struct container_message *message)
{
	uint64_t shared = message->disk_max == 0 ? 0 : content_bytes(ENGINE_CONTENT, message->id);

	return message->disk_max == 0 || message->disk_max > shared ? message->disk_max - shared : 4096;
}

/* A limit that is lowered below what is in use would be kept by killing, or not at all. */
static int use_check(const char *field, uint64_t used, uint64_t old, uint64_t wanted, struct error *err)
{
	if (wanted == 0 || wanted >= used || (old != 0 && wanted >= old))
		return 0;
	error_field(err, field, "%s: %" PRIu64 " is less than the %" PRIu64 " in use", field, wanted, used);
	err->code = EEXIST;
	return -1;
}

static int disk_change(const struct container_message *old, const struct container_message *wanted, struct error *err)
{
	char folder[PATH_MAX];

	if (old->disk_max == wanted->disk_max)
		return 0;
	snprintf(folder, sizeof folder, ENGINE_CONTAINERS "/%s", wanted->id);
	cleanup_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : error_errno(err, "cannot open %s", folder); /* set when it is made */
	return quota_set(fd, wanted->id_base, limits_disk(wanted), err);
}

static int group_change(const struct container_message *wanted, struct error *err)
{
	struct limit limits[LIMITS_COUNT];
	char group[CGROUP_TEXT], path[PATH_MAX];

	cgroup_container(wanted->realm, wanted->id, group);
	snprintf(path, sizeof path, CGROUP_ROOT "/%s", group);
	if (access(path, F_OK) == -1)
		return 0; /* it does not run */
	limits_make(wanted, limits);
	for (size_t i = 0; i < LIMITS_COUNT; i++) {
		snprintf(path, sizeof path, CGROUP_ROOT "/%s/%s", group, limits[i].file);
		if (file_poke(path, limits[i].value[0] == '\0' ? "\n" : limits[i].value, err) == -1)
			return -1;
	}
	return 0;
}

int limits_change(const struct container_message *old, const struct container_message *wanted, struct error *err)
{
	struct usage_message usage;
	struct error ignored = ERROR_INIT;

	usage_read(old, &usage);
	if (use_check("limits.memory_max", usage_memory_held(old), old->memory_max, wanted->memory_max, err) == -1 ||
	    use_check("limits.pids_max", usage.pids, old->pids_max, wanted->pids_max, err) == -1 ||
	    use_check("limits.disk_max", usage.disk_bytes + content_bytes(ENGINE_CONTENT, old->id), old->disk_max, wanted->disk_max, err) == -1)
		return -1;
	if (disk_change(old, wanted, err) == 0 && group_change(wanted, err) == 0)
		return 0;
	/* As it was: what can be set back. */
	(void)disk_change(wanted, old, &ignored);
	(void)group_change(old, &ignored);
	return -1;
}
