/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unpack: a tar of unknown origin becomes files. Runs in a cage (cage.h), with
 * a seccomp list of file calls only.
 */
#ifndef BULKHEAD_UNPACK_H
#define BULKHEAD_UNPACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/engine/stream.h"
#include "daemon/lib/hex.h"

struct error;

struct unpack {
	struct slice tar;
	uint64_t bytes_max, entries_max;
	bool layer;     /* of an OCI or docker image, where deletions may be (whiteout.h); else a root file system */
	bool check;     /* unpack nothing: look whether the digests fit */
	int (*opaque)(int fd, void *data, struct error *err); /* a folder of a layer hides what is below it; fd stays ours */
	void *data;
};

struct unpack_result {
	uint64_t bytes;   /* content of regular files, and extended attributes */
	uint64_t entries;
	char digest[DIGEST_TEXT]; /* SHA-256 of the whole slice */
	char plain[DIGEST_TEXT];  /* of the tar without compression: an image's diff_id */
};

/*
 * Reads a tar (plain, gzip, xz or zstd) and makes its files below the current
 * root. Refuses, with the entry's name: absolute paths and "..", paths through
 * links, deeper than 256 folders, device nodes, sockets, owners beyond 65535,
 * extended attributes but user.* and security.capability, more than the given
 * bytes or entries, deletions in a root file system. ACLs and file flags are not
 * restored.
 *
 * A layer is what its maker could not choose: devices in /dev are left out (the
 * container gets its own), and so are other attributes.
 *
 * So what a digest stands for is the same, whichever way it came: where both
 * would differ, a root file system is refused.
 *
 * unpack_prepare() loads what could not be found after the change of root; it
 * holds for one unpack_tar().
 */
int unpack_prepare(struct error *err);
int unpack_confine(struct error *err);
int unpack_tar(const struct unpack *unpack, struct unpack_result *ret_result, struct error *err);

#endif
