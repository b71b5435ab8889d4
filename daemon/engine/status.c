/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/status.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "daemon/engine/container.h"
#include "daemon/engine/element.h"
#include "daemon/engine/foreign.h"
#include "daemon/engine/merge.h"
#include "daemon/engine/tally.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/protocol.h"

/* A line "<key> <number> kB" of /proc/meminfo, in bytes. */
static uint64_t memory_figure(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10) * 1024;
}

/* A device-mapper name tells nothing; its uuid begins with the target's kind. Without udev the name is a node, no link. */
static bool device_encrypted(const char *path)
{
	struct error err = ERROR_INIT;
	cleanup_free char *uuid = NULL;
	char file[64];
	struct stat device;

	if (stat(path, &device) == -1 || !S_ISBLK(device.st_mode))
		return false;
	snprintf(file, sizeof file, "/sys/dev/block/%u:%u/dm/uuid", major(device.st_rdev), minor(device.st_rdev));
	if (file_read(file, 256, &uuid, NULL, &err) == -1)
		return false;
	return strncmp(uuid, "CRYPT-", 6) == 0;
}

static bool swaps_encrypted(void)
{
	struct error err = ERROR_INIT;
	cleanup_free char *text = NULL;
	bool any = false;
	char *rest = NULL;

	if (file_read("/proc/swaps", 64 * 1024, &text, NULL, &err) == -1)
		return false;
	char *line = strtok_r(text, "\n", &rest); /* the heading */
	while (line != NULL && (line = strtok_r(NULL, "\n", &rest)) != NULL) {
		line[strcspn(line, " \t")] = '\0';
		if (!device_encrypted(line))
			return false;
		any = true;
	}
	return any;
}

static void counter_take(const char *name, uint64_t packets, uint64_t bytes, void *data)
{
	struct host_status_message *status = data;

	(void)bytes;
	if (strcmp(name, "ssh_refused") == 0)
		status->ssh_refused = packets;
	else if (strcmp(name, "ssh_flood") == 0)
		status->ssh_flood = packets;
	else if (strcmp(name, "web_flood") == 0)
		status->web_flood = packets;
}

void status_read(struct host_status_message *ret_status)
{
	struct host_status_message status = { 0 };
	struct error err = ERROR_INIT;
	cleanup_free char *text = NULL;
	struct merge_status merge;
	struct statvfs data;
	struct utsname host;
	struct timespec up;

	if (file_read("/proc/meminfo", 64 * 1024, &text, NULL, &err) == 0) {
		status.memory_total = memory_figure(text, "MemTotal:");
		status.memory_available = memory_figure(text, "MemAvailable:");
		status.memory_used_idle = status.memory_total - status.memory_available;
		status.swap_total = memory_figure(text, "SwapTotal:");
		status.swap_used = status.swap_total - memory_figure(text, "SwapFree:");
	}
	status.swap_encrypted = swaps_encrypted();
	merge_read(&merge);
	status.ksm_run = merge.run;
	status.ksm_pages_shared = merge.pages_shared;
	status.ksm_pages_sharing = merge.pages_sharing;
	status.ksm_full_scans = merge.full_scans;
	status.ksm_pages_zero = merge.pages_zero;
	status.ksm_scan_ms = merge_scan_ms();
	status.ksm_profit = merge.profit;
	if (tally_counters(counter_take, &status, &err) == -1)
		err = (struct error)ERROR_INIT; /* no table: told next */
	const struct foreign *foreign = foreign_seen();
	status.foreign_writes = foreign->count;
	status.foreign_at_ms = foreign->at_ms;
	memcpy(status.foreign_name, foreign->name, sizeof status.foreign_name);
	status.firewall_installed = element_count(&status.firewall_live, &err) == 0;
	if (statvfs("/data", &data) == 0) {
		status.data_total = (uint64_t)data.f_blocks * data.f_frsize;
		status.data_free = (uint64_t)data.f_bavail * data.f_frsize;
	}
	status.containers_running = container_running();
	status.cpus = (uint32_t)get_nprocs();
	if (clock_gettime(CLOCK_BOOTTIME, &up) == 0)
		status.uptime_ms = (uint64_t)up.tv_sec * 1000 + (uint64_t)up.tv_nsec / 1000000;
	if (uname(&host) == 0)
		snprintf(status.kernel, sizeof status.kernel, "%s", host.release);
	*ret_status = status;
}
