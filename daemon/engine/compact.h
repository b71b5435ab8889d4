/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compact: files that several stopped containers wrote for themselves, and which
 * are the same, become one again (content.h). The work of one child process,
 * which may be killed at any point:
 *
 *   data on disk, then its name; references on disk, then inodes without data on
 *   disk beside the originals, then a rename over each original.
 *
 * So each file is the old or the new one, never a part, and what an interruption
 * leaves (data nobody refers to, references nobody needs, inodes without a name)
 * is taken away by the next run.
 *
 * A container is held by a lock on its folder (flock(2)), as its start helper
 * does while it mounts; one that runs, or is about to, is left alone. Left alone,
 * too: files with several links, with holes, with flags (immutable and the like) or
 * an attribute of overlayfs, and those below COMPACT_SIZE_MIN or above COMPACT_SIZE_MAX.
 */
#ifndef BULKHEAD_COMPACT_H
#define BULKHEAD_COMPACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hex.h"

struct error;

enum {
	COMPACT_SIZE_MIN = 16 * 1024, /* below, an inode with its attributes is no gain */
	COMPACT_SIZE_MAX = 512 << 20, /* a start may have to wait until one has been read three times */
	COMPACT_DEPTH_MAX = 64,       /* folders below are not looked into */
};

struct compact_request {
	const char *containers;     /* <id>/upper below it */
	const char *content;        /* base of content.h */
	const char *run;            /* a container with <id>/message below it is not stopped */
	const char *store;
	const char (*ids)[ID_TEXT];
	size_t count;
	bool dry_run;
	int64_t deadline_ms;        /* of clock_ms(): then it ends with what it has */
};

struct compact_result {
	uint64_t files, bytes;       /* that became, or would become, shared; their sizes */
	uint64_t saved;              /* bytes of disk, about; of memory as much, once they are read */
	uint32_t containers;         /* looked at */
	uint32_t containers_skipped; /* that run, or cannot be worked on */
	uint32_t files_skipped;      /* large enough, but left alone */
	bool complete;               /* false: the time or the table was at its end; the next run goes on */
};

/* A failure of one file or container is logged and passed over. */
int compact_run(const struct compact_request *request, struct compact_result *ret_result, struct error *err);

/* For the start helper: a descriptor that holds the container's folder until it is closed. Blocks. */
int compact_hold(const char *folder, struct error *err);

#endif
