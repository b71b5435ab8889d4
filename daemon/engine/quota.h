/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quota: limits of disk space by XFS project id.
 */
#ifndef BULKHEAD_QUOTA_H
#define BULKHEAD_QUOTA_H

#include <stdint.h>

struct error;

/*
 * Marks the folder open at fd, so that what is made in it counts for project,
 * and limits the project to bytes (0: no limit) and to a file for each 16 KiB of
 * them, 16,384 at least. The folder must be empty, or
 * marked so before. ENOTSUP when the file system has no project quotas.
 */
int quota_set(int fd, uint32_t project, uint64_t bytes, struct error *err);

/* What the project holds on the file system of fd; 0 where that is not counted. */
void quota_used(int fd, uint32_t project, uint64_t *ret_bytes, uint64_t *ret_files);

#endif
