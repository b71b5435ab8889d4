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
	bool have_esp;            /* esp was read in this survey */
	struct esp esp;
	bool foreign;             /* UNUSABLE, because data bears somebody else's signature */
	char message[400];        /* one line about the state, for a person */
	char warning[256];        /* more than one boot disk, no room for swap, ... or "" */
};

/* A work_function (work.h); argument: const bool *, read the ESP too; result: struct survey. */
void survey_run(const void *argument, int secret_fd, void *result);

#endif
