/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * idmap: user namespaces as maps of ids, for idmapped mounts (mount_setattr(2)).
 */
#ifndef BULKHEAD_IDMAP_H
#define BULKHEAD_IDMAP_H

#include <stdint.h>
#include <sys/types.h>

struct error;

/*
 * Writes uid_map and gid_map of a process that waits in a fresh user namespace:
 * count ids from inside to outside. proc is an open /proc.
 */
int idmap_write(int proc, pid_t pid, uint32_t inside, uint32_t outside, uint32_t count, struct error *err);

/*
 * A descriptor of a user namespace that maps count ids from inside to outside.
 * The caller closes it. No process lives in it.
 */
int idmap_open(uint32_t inside, uint32_t outside, uint32_t count, struct error *err);

#endif
