/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resident: as whom, and where, the command of a container begins, where its
 * image or its maker says so. The files that tell (/etc/passwd, /etc/group) are
 * the container's: a child reads them, with that file system as its root and no
 * more rights than the container's root has there.
 */
#ifndef BULKHEAD_RESIDENT_H
#define BULKHEAD_RESIDENT_H

#include "daemon/engine/account.h"

struct container_message;
struct error;

/*
 * rootfs is where the root is mounted; the container does not run yet. Makes the
 * working folder if it is missing, as docker does. EINVAL, field "user" or "cwd".
 */
int resident_find(const char *rootfs, const struct container_message *message, struct account *ret_account,
		  struct error *err);

#endif
