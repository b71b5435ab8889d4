/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * whiteout: what a layer takes away from those below it. In a tar an empty file
 * ".wh.name" hides name, ".wh..wh..opq" all that its folder held before (OCI
 * image specification, "Whiteouts"); on disk overlayfs wants a character device
 * 0/0 in place of name, and an attribute trusted.overlay.opaque on the folder
 * (kernel Documentation/filesystems/overlayfs.rst).
 *
 * The device is one that anybody may make (mknod(2), Linux 5.8). The attribute
 * takes the host's root: the folder is handed out as a descriptor, and who is
 * outside of the cage sets it. No name from the archive gets there.
 */
#ifndef BULKHEAD_WHITEOUT_H
#define BULKHEAD_WHITEOUT_H

#include <stdbool.h>
#include <stddef.h>

struct error;

enum whiteout_kind {
	WHITEOUT_NONE,    /* an entry like any other */
	WHITEOUT_MARK,    /* hides something */
	WHITEOUT_IGNORED, /* book-keeping of aufs */
};

struct whiteouts {
	char **paths; /* owned, as in the tar */
	size_t count, room;
};

/* What the last part of path says. EINVAL, field "tar", when a folder of it is named like a mark. */
int whiteout_kind(const char *path, enum whiteout_kind *ret_kind, struct error *err);

/* Remembers a mark. They are put into force when all files are there, because a layer may list both in any order. */
int whiteouts_add(struct whiteouts *whiteouts, const char *path, struct error *err);

/*
 * Puts them into force below the current folder, through no link. opaque is
 * called for each folder that hides what is below it; it does not keep fd.
 */
int whiteouts_apply(const struct whiteouts *whiteouts, int (*opaque)(int fd, void *data, struct error *err), void *data,
		    struct error *err);

void whiteouts_free(struct whiteouts *whiteouts);

#endif
