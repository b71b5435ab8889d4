/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * foreign: notices when a program that is not of ours changes the kernel's packet
 * filter, in whatever table. Nothing on the host has a reason to.
 */
#ifndef BULKHEAD_FOREIGN_H
#define BULKHEAD_FOREIGN_H

#include <stdint.h>

struct error;
struct loop;

enum { FOREIGN_NAME = 16 }; /* TASK_COMM_LEN */

struct foreign {
	uint64_t count;          /* changes since the engine started */
	char name[FOREIGN_NAME]; /* of the last one's program */
	int64_t at_ms;           /* since 1970 */
};

/* The table is not there any more: whoever waits for this installs it again. */
typedef void foreign_gone_cb(void);

/* Once. */
int foreign_init(struct loop *loop, foreign_gone_cb *gone, struct error *err);

const struct foreign *foreign_seen(void);

#endif
