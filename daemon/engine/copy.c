/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/engine/compact.h"
#include "daemon/engine/content.h"
#include "daemon/engine/idmap.h"
#include "daemon/engine/quota.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/protocol.h"

static bool folder_there(int parent, const char *name)
{
	return faccessat(parent, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The tree as its new owner would see it. */
static int source_open(int folder, const struct copy_request *request, struct error *err)
{
	if (request->from_base == request->to_base) {
		int fd = openat(folder, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return fd == -1 ? error_errno(err, "cannot open what container %s wrote", request->from) : fd;
	}
	cleanup_fd int ids = idmap_open(request->from_base, request->to_base, ID_RANGE, err);
	if (ids == -1)
		return -1;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY, .userns_fd = (uint64_t)ids };
	cleanup_fd int tree = (int)syscall(SYS_open_tree, folder, "upper", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	if (tree == -1 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) == -1)
		return error_errno(err, "cannot shift the ids of what container %s wrote", request->from);
	int fd = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd == -1 ? error_errno(err, "cannot open what container %s wrote", request->from) : fd;
}

static int folder_new(int parent, const char *name, struct error *err)
{
	int fd = mkdirat(parent, name, 0700) == -1 ? -1 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd == -1 ? error_errno(err, "cannot make %s for a copy", name) : fd;
}

/* The names that clone.h needed. */
static int names_remove(int stage, int names, struct error *err)
{
	int copy = openat(names, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy == -1 ? NULL : fdopendir(copy);

	if (dir == NULL) {
		fd_cleanup(&copy);
		return error_errno(err, "cannot read the names of a copy");
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(names, entry->d_name, 0);
	closedir(dir);
	return unlinkat(stage, "names", AT_REMOVEDIR) == -1 ? error_errno(err, "cannot remove the names of a copy") : 0;
}

/* source -1: nothing was written. */
static int stage_fill(const struct copy_request *request, int source, int stage, struct clone_sum *sum, struct error *err)
{
	cleanup_fd int upper = folder_new(stage, "upper", err);

	if (upper == -1)
		return -1;
	if (source == -1)
		return fchown(upper, request->to_base, request->to_base) == -1 || fchmod(upper, 0755) == -1
			? error_errno(err, "cannot make a copy") : 0;
	cleanup_fd int names = folder_new(stage, "names", err);
	if (names == -1 || clone_tree(source, upper, names, sum, err) == -1)
		return -1;
	return names_remove(stage, names, err);
}

/* All at once. */
static int stage_publish(const struct copy_request *request, int containers, int stage, const char *name, int target,
			 struct error *err)
{
	int result;

	if (syncfs(stage) == -1)
		return error_errno(err, "cannot bring a copy to disk");
	if (!request->replace)
		result = renameat(containers, name, containers, request->to);
	else if (folder_there(target, "upper"))
		result = renameat2(stage, "upper", target, "upper", RENAME_EXCHANGE);
	else
		result = renameat(stage, "upper", target, "upper");
	if (result == -1 || fsync(request->replace ? target : containers) == -1)
		return error_errno(err, "cannot put a copy in its place");
	return 0;
}

static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* The container's folder, held; -2: it has none. */
static int container_hold(const char *containers, const char *id, struct error *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", containers, id);
	if (access(path, F_OK) == -1 && errno == ENOENT)
		return -2;
	return compact_hold(path, err);
}

int copy_run(const struct copy_request *request, struct clone_sum *ret_sum, struct error *err)
{
	char name[sizeof COPY_STAGE + ID_TEXT];

	*ret_sum = (struct clone_sum){ 0 };
	descriptors_raise();
	snprintf(name, sizeof name, COPY_STAGE "%.24s", request->to);
	cleanup_fd int containers = open(request->containers, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (containers == -1)
		return error_errno(err, "cannot open %s", request->containers);
	if (!request->replace && folder_there(containers, request->to))
		return 0;
	cleanup_fd int folder = container_hold(request->containers, request->from, err);
	cleanup_fd int target = folder == -1 || !request->replace ? -2 : container_hold(request->containers, request->to, err);
	if (folder == -1 || target == -1)
		return -1;
	if (request->replace && target == -2)
		return error_set(err, EEXIST, "the container never ran: there is nothing to bring back");
	cleanup_fd int source = folder == -2 || !folder_there(folder, "upper") ? -2 : source_open(folder, request, err);
	cleanup_fd int stage = source == -1 ? -1 : folder_new(containers, name, err);
	if (stage == -1 || (request->project != 0 && quota_set(stage, request->project, request->disk_max, err) == -1))
		return -1;
	if (stage_fill(request, source == -2 ? -1 : source, stage, ret_sum, err) == -1)
		return -1;
	/* Nobody may collect what it refers to before it has its name. */
	cleanup_fd int lock = content_used(request->content, request->from) ? content_lock(request->content, err) : -2;
	if (lock == -1 || (lock != -2 && content_share(request->content, request->from, request->to, err) == -1))
		return -1;
	return stage_publish(request, containers, stage, name, target, err);
}
