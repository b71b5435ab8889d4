/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * survey: looks at the disks and says what the agent can do: wait, enrol or
 * unlock. Done anew every few seconds while nothing can be done.
 */
#ifndef BULKHEAD_SURVEY_H
#define BULKHEAD_SURVEY_H

#include <stdbool.h>

#include "initramfs/disk.h"
#include "initramfs/esp.h"
#include "initramfs/unlock.h"

struct survey {
	enum unlock_state state;  /* NO_DISK, UNUSABLE, NEW, LOCKED, NO_KEY_SLOT or CORRUPT */
	struct disk disk;
	bool have_esp;            /* by survey_esp(): esp was read */
	struct esp esp;
	bool wipeable;            /* what is there is not marked as ours: 'enroll --wipe' may erase it, and it alone */
	char message[400];        /* one line about the state, for a person */
	char warning[256];        /* more than one boot disk, no room for swap, ... or "" */
};

/*
 * Work functions (work.h) without an argument; result: struct survey. Two, so
 * that a data partition that hangs or crashes whoever looks at it keeps nobody
 * from the host config and the SSH keys.
 */
void survey_esp(const void *argument, int secret_fd, void *result); /* finds the disk and reads its ESP */
void survey_run(const void *argument, int secret_fd, void *result);

#endif
