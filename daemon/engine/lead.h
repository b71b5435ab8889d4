/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lead: inodes without data in a container's upper, which overlayfs follows to
 * shared content (trusted.overlay.metacopy and .redirect; content.h).
 */
#ifndef BULKHEAD_LEAD_H
#define BULKHEAD_LEAD_H

#include <stdbool.h>

#include "daemon/lib/hex.h"

struct error;
struct stat;

enum lead {
	LEAD_NONE,    /* its data is its own */
	LEAD_CONTENT, /* it leads to shared content */
	LEAD_OTHER,   /* to a file of the image: chown(2) and the like make such */
	LEAD_UNKNOWN, /* that cannot be read */
};

/* What kind of regular file it is; hash only of LEAD_CONTENT. */
enum lead lead_read(int folder, const char *name, char hash[DIGEST_TEXT]);

/* True if the file has a flag that a new inode would lose (immutable and the like). */
bool lead_loses(int fd);

/*
 * Makes the file fresh/name: like the one open at fd, whose state is st, but with a lead to
 * the content instead of data. A part of it may be there after a failure.
 */
int lead_make(int fd, const struct stat *st, int fresh, const char *name, const char *hash, struct error *err);

/*
 * True if the container does not see the content's folder: by our whiteout, by
 * what it has put in its place, or (*ret_missing) because nothing leads there yet.
 */
bool lead_covered(int upper, bool *ret_missing);

/* Makes sure of it by a whiteout. EEXIST: the container has a folder of that name. */
int lead_cover(int upper, struct error *err);

#endif
