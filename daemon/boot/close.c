/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * close: run by init at shutdown, after `bulkheadd shutdown` has ended the
 * containers. What is left is ended, /data is unmounted and the mappings go, so
 * that the disk is clean and the kernel wipes its keys from memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "daemon/boot/boot.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

enum { MOUNTS_MAX = 4096, TRIES = 20, PAUSE_MS = 250, GRACE_MS = 1000 };

static void pause_ms(long ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* Mount points that hold /data: its own, binds of it, overlays. Newest first. Returns how many remain. */
static size_t mounts_end(void)
{
	static char points[MOUNTS_MAX][128];
	char line[4096], device[32], point[1024], type[64];
	size_t count = 0, left = 0;
	struct stat data;
	char number[32] = "";

	if (stat("/data", &data) == 0)
		snprintf(number, sizeof number, "%u:%u", major(data.st_dev), minor(data.st_dev));
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	while (mounts != NULL && count < MOUNTS_MAX && fgets(line, sizeof line, mounts) != NULL) {
		const char *dash = strstr(line, " - ");

		if (dash == NULL || sscanf(line, "%*s %*s %31s %*s %1023s", device, point) != 2 ||
		    sscanf(dash, " - %63s", type) != 1)
			continue;
		bool ours = strcmp(type, "overlay") == 0 || strcmp(point, "/data") == 0 ||
			    (strcmp(device, number) == 0 && strcmp(point, "/") != 0);
		if (ours && strlen(point) < sizeof points[0])
			strcpy(points[count++], point);
	}
	if (mounts != NULL)
		fclose(mounts);
	while (count > 0) {
		count--;
		if (umount2(points[count], 0) < 0 && errno != EINVAL && errno != ENOENT)
			left++;
	}
	return left;
}

static void swaps_end(void)
{
	char line[1024], path[512];
	FILE *swaps = fopen("/proc/swaps", "re");

	while (swaps != NULL && fgets(line, sizeof line, swaps) != NULL)
		if (line[0] == '/' && sscanf(line, "%511s", path) == 1 && swapoff(path) < 0)
			log_warning("cannot turn off swap on %s: %s", path, strerror(errno));
	if (swaps != NULL)
		fclose(swaps);
}

/* Linux: Documentation/admin-guide/device-mapper, <linux/dm-ioctl.h>. */
static bool mapping_end(int control, const char *name)
{
	struct dm_ioctl request = {
		.version = { DM_VERSION_MAJOR, 0, 0 },
		.data_size = sizeof request,
		.data_start = sizeof request,
	};

	strcpy(request.name, name);
	return ioctl(control, DM_DEV_REMOVE, &request) == 0 || errno == ENXIO;
}

int close_main(int argc, char **argv)
{
	static const char *const names[] = { "data", "swap" };
	size_t left = 0;

	(void)argc;
	(void)argv;
	/* All but init and this process (kill(2)); init starts nothing again from here on. */
	kill(-1, SIGTERM);
	pause_ms(GRACE_MS);
	kill(-1, SIGKILL);
	sync();
	for (int i = 0; i < TRIES && (left = mounts_end()) > 0; i++)
		pause_ms(PAUSE_MS);
	if (left > 0)
		log_warning("%zu mounts on the data disk are still in use; it is synced, not unmounted", left);
	swaps_end();
	cleanup_fd int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	for (size_t i = 0; control >= 0 && i < sizeof names / sizeof *names; i++) {
		bool gone = false;

		for (int try = 0; try < TRIES / 4 && !(gone = mapping_end(control, names[i])); try++)
			pause_ms(PAUSE_MS);
		if (!gone)
			log_warning("mapping %s is still in use: %s", names[i], strerror(errno));
	}
	sync();
	log_info("the data disk is %s", left == 0 ? "closed" : "synced");
	return 0;
}
