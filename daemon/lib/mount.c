/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/mount.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

bool mount_stands(const char *path)
{
	char parent[PATH_MAX];
	struct stat here, above;

	return (size_t)snprintf(parent, sizeof parent, "%s/..", path) < sizeof parent && stat(path, &here) == 0 &&
	       stat(parent, &above) == 0 && here.st_dev != above.st_dev;
}
