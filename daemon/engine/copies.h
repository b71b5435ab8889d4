/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copies: copies under way (copy.h), each in a child process. A container that runs
 * is held while it is copied: what is written at one moment is what the copy has.
 * A mark in its run-time folder tells a new engine to let it go on.
 */
#ifndef BULKHEAD_COPIES_H
#define BULKHEAD_COPIES_H

#include <stdbool.h>
#include <stdint.h>

struct copy_message;
struct container;
struct error;
struct loop;

enum {
	COPIES_MAX = 4,          /* at a time */
	COPIES_SPACE_MIN_MB = 512, /* free on the data disk, or none is begun */
};

/* err NULL: it is there; of so many files, folders and links, and bytes in files. */
typedef void copies_cb(const struct copy_message *message, uint64_t entries, uint64_t bytes, const struct error *err, void *data);

/* Calls back once, unless -1 is returned: EAGAIN too many at a time, EBUSY the container's state does not allow it. */
int copies_begin(struct loop *loop, const struct copy_message *message, copies_cb *cb, void *data, struct error *err);

/* True if one reads or makes this folder. */
bool copies_touch(const char *id);

/* Ends all that touch it: they fail, soon. */
void copies_cancel(const char *id);

/* A container that an earlier engine held goes on. */
void copies_release(struct container *container);

#endif
