/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * account: a user as the files of a root file system have it. Read with that
 * file system as the process's root and with no more rights than its own users
 * have: the files are the container's. Name services are not asked, for they are
 * libraries of the container.
 */
#ifndef BULKHEAD_ACCOUNT_H
#define BULKHEAD_ACCOUNT_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

enum { ACCOUNT_GROUPS_MAX = 256, ACCOUNT_NAME_MAX = 64 };

struct account {
	uid_t uid;
	gid_t gid;
	gid_t groups[ACCOUNT_GROUPS_MAX]; /* supplementary, of /etc/group; more are left out */
	size_t group_count;
	char name[ACCOUNT_NAME_MAX];      /* "" for a number without an entry */
	char home[PATH_MAX];              /* "/" without one */
};

/*
 * user is a name or a number of 0 to 65535; "" is 0. A number without an entry
 * has a group of the same number. "user:group" takes that group alone, also by
 * name or number. Fails with err->field "user" when there is no such user or
 * group. root is "" for the process's own root, or a folder (tests).
 */
int account_find(const char *root, const char *user, struct account *ret_account, struct error *err);

#endif
