/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop_device: a file as a block device, for tests. The kernel lets go of it with
 * the last descriptor (LO_FLAGS_AUTOCLEAR), so a test that dies leaves nothing.
 */
#ifndef BULKHEAD_TESTS_UNIT_LOOP_DEVICE_H
#define BULKHEAD_TESTS_UNIT_LOOP_DEVICE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LOOP_PATH = 32, LOOP_TRIES = 16 };

/* Its descriptor, and /dev/loopN in path; -1 with a word on standard error where the machine gives none. */
static inline int loop_device_make(const char *file, char path[LOOP_PATH])
{
	int device = -1, backing = open(file, O_RDWR | O_CLOEXEC), control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = { .fd = (__u32)backing, .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN };

	/* Somebody else may take the free one between the two calls. */
	for (int i = 0; i < LOOP_TRIES && device == -1 && backing != -1 && control != -1; i++) {
		snprintf(path, LOOP_PATH, "/dev/loop%d", ioctl(control, LOOP_CTL_GET_FREE));
		device = open(path, O_RDWR | O_CLOEXEC);
		if (device != -1 && ioctl(device, LOOP_CONFIGURE, &config) == -1) {
			close(device);
			device = -1;
			if (errno != EBUSY)
				break;
		}
	}
	if (device == -1)
		fprintf(stderr, "no loop device here: %s\n", strerror(errno));
	if (backing != -1)
		close(backing);
	if (control != -1)
		close(control);
	return device;
}

#endif
