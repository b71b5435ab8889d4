/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mount: what is mounted where.
 */
#ifndef BULKHEAD_MOUNT_H
#define BULKHEAD_MOUNT_H

#include <stdbool.h>

/* True when something is mounted on the folder. A bind of the file system around it is not seen. */
bool mount_stands(const char *path);

#endif
