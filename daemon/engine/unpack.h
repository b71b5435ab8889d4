/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unpack: a tar of unknown origin becomes files. Runs in a process that is
 * root of nothing: own user, network, ipc and pid namespaces, the target folder
 * as its root, a seccomp list of file calls only.
 */
#ifndef BULKHEAD_UNPACK_H
#define BULKHEAD_UNPACK_H

#include <stdint.h>
#include <sys/types.h>

#include "daemon/lib/hex.h"

struct error;

struct unpack_result {
	uint64_t bytes;   /* content of regular files, and extended attributes */
	uint64_t entries;
	char digest[DIGEST_TEXT]; /* SHA-256 of the whole input */
};

/*
 * Reads a tar (plain, gzip, xz or zstd) from fd and makes its files below the
 * current root. Refuses, with the entry's name: absolute paths and "..", paths
 * through links, device nodes, sockets, owners beyond 65535, extended
 * attributes but user.* and security.capability, more than the given bytes or
 * entries. ACLs and file flags are not restored.
 *
 * unpack_prepare() loads what could not be found after the change of root; it
 * holds for one unpack_tar().
 */
int unpack_prepare(struct error *err);
int unpack_confine(struct error *err);
int unpack_tar(int fd, uint64_t bytes_max, uint64_t entries_max, struct unpack_result *ret_result, struct error *err);

#endif
