/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: what a container takes, as its control group and its disk quota count
 * it (kernel Documentation/admin-guide/cgroup-v2.rst, quotactl(2)). A dozen small
 * reads of files that the kernel makes; nothing that waits.
 */
#ifndef BULKHEAD_USAGE_H
#define BULKHEAD_USAGE_H

#include <stdint.h>

struct container_message;
struct usage_message;

/* Fills all but the disk with 0 if it has no control group; what one file does not tell is 0, too. */
void usage_read(const struct container_message *container, struct usage_message *ret_usage);

/* Bytes that could not be taken from it but by swapping or killing: all but page cache. */
uint64_t usage_memory_held(const struct container_message *container);

#endif
