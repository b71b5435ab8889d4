/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy: the list of system calls that a container's programs may not make, for
 * processes that do not descend from its init. liblxc loads the same file for
 * the init (lxc.container.conf(5), "SECCOMP CONFIGURATION", version 2).
 *
 * What is read is the part of that format that our lists use: a deny list, one
 * section [all], lines "NAME errno NUMBER" with at most one condition
 * "[INDEX,VALUE,OPERATOR(,MASK)]". Anything else is an error: a list that was
 * read in part would let too much through.
 */
#ifndef BULKHEAD_POLICY_H
#define BULKHEAD_POLICY_H

#include <stddef.h>

#include "daemon/lib/protocol.h"

struct error;
struct policy;

/* The lists that are put together: default always, users unless for nesting, strict. */
#define POLICY_FOLDER "/usr/share/bulkhead/seccomp"

/*
 * Puts a container's list together: that of its kind, and the calls that are denied
 * besides, EPERM whatever their arguments (names, NUL after each). err->field is
 * "seccomp.deny" for one that the kernel has not. folder: of the lists.
 */
int policy_write(const char *folder, enum policy_kind kind, const char *denied, size_t size, const char *path, struct error *err);

/* Reads the list. NULL with err. */
struct policy *policy_read(const char *path, struct error *err);
void policy_free(struct policy *policy); /* takes NULL */

/* Puts this process and all that it becomes under it; needs CAP_SYS_ADMIN in its user namespace. */
int policy_load(struct policy *policy, struct error *err);

#endif
