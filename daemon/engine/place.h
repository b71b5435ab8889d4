/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * place: files in a tree that somebody else changes at will. Every path is
 * resolved by the kernel as if the tree were all there is (openat2(2),
 * RESOLVE_IN_ROOT): absolute links and ".." end inside, links of /proc lead
 * nowhere. What is done is done relative to a folder that is held open.
 *
 * Errors name the field "path": ENOENT nothing is there, EEXIST what is there is
 * of another kind, EFBIG too large, ENOSPC and EDQUOT no room.
 */
#ifndef BULKHEAD_PLACE_H
#define BULKHEAD_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

enum { PLACE_ENTRIES_MAX = 10000 };

struct place {
	bool folder;
	mode_t mode; /* permission bits */
	uid_t uid;
	gid_t gid;
	uint64_t size;       /* bytes written to out */
	int64_t modified_ms; /* since 1970 */
};

/*
 * Copies a file of at most max bytes to out, which is empty; a link is followed.
 * Of a folder it writes a list instead, as JSON (openapi.yaml, FolderList).
 */
int place_pull(int root, const char *path, int out, uint64_t max, struct place *ret_place, struct error *err);

/*
 * Puts a copy of in at path: under another name first, then renamed, so it is
 * there whole or not at all, and on disk when this returns. What is there already
 * is replaced, a link too, a folder is not.
 */
int place_push(int root, const char *path, int in, mode_t mode, uid_t uid, gid_t gid, struct error *err);

/* Makes a folder; one that is there already is left as it is. */
int place_folder(int root, const char *path, mode_t mode, uid_t uid, gid_t gid, struct error *err);

/* Removes a file, link or empty folder. */
int place_delete(int root, const char *path, struct error *err);

#endif
