/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

#define CGROUP_SLICE "bulkhead.slice"

enum { GROUPS_OURS = 4 }; /* levels that we or liblxc make in a group besides those of the container */

static const char *const controllers[] = { "+memory", "+pids", "+cpu", "+io", "+cpuset" };

static int group_make(const char *path, struct error *err)
{
	char full[PATH_MAX];

	snprintf(full, sizeof full, CGROUP_ROOT "/%s", path);
	if (mkdir(full, 0755) == -1 && errno != EEXIST)
		return error_errno(err, "cannot make the control group %s", path);
	return 0;
}

/* Hands controllers to the groups below; cpuset may be left out of the kernel. */
static int group_delegate(const char *path, struct error *err)
{
	char full[PATH_MAX];

	snprintf(full, sizeof full, CGROUP_ROOT "/%s/cgroup.subtree_control", path);
	for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++)
		if (file_poke(full, controllers[i], err) == -1 && strcmp(controllers[i], "+cpuset") != 0)
			return error_wrap(err, "limits cannot be set");
	return 0;
}

/* All containers together leave the host enough to go on: then one of them is killed, not a role. */
static int memory_reserve(struct error *err)
{
	const uint64_t least = UINT64_C(256) << 20;
	char text[32];
	struct sysinfo info;

	if (sysinfo(&info) == -1)
		return error_errno(err, "cannot read the size of memory");
	uint64_t total = (uint64_t)info.totalram * info.mem_unit, reserve = total / 20;
	if (reserve < least)
		reserve = least;
	if (reserve > total / 2)
		reserve = total / 2;
	snprintf(text, sizeof text, "%llu", (unsigned long long)(total - reserve));
	return file_poke(CGROUP_ROOT "/" CGROUP_SLICE "/memory.max", text, err);
}

int cgroup_init(struct error *err)
{
	if (group_delegate(".", err) == -1 || group_make(CGROUP_SLICE, err) == -1 ||
	    group_delegate(CGROUP_SLICE, err) == -1 || memory_reserve(err) == -1)
		return -1;
	return group_make(CGROUP_SLICE "/monitors", err);
}

int cgroup_realm(const char realm[ID_TEXT], struct error *err)
{
	char path[CGROUP_TEXT];

	snprintf(path, sizeof path, CGROUP_SLICE "/realm-%s", realm);
	if (group_make(path, err) == -1)
		return -1;
	return group_delegate(path, err);
}

void cgroup_realm_leave(const char realm[ID_TEXT])
{
	char full[PATH_MAX];

	snprintf(full, sizeof full, CGROUP_ROOT "/" CGROUP_SLICE "/realm-%s", realm);
	(void)rmdir(full); /* EBUSY, ENOTEMPTY: others live there */
}

void cgroup_container(const char realm[ID_TEXT], const char id[ID_TEXT], char path[CGROUP_TEXT])
{
	snprintf(path, CGROUP_TEXT, CGROUP_SLICE "/realm-%.24s/%.24s", realm, id);
}

void cgroup_monitor(const char id[ID_TEXT], char path[CGROUP_TEXT])
{
	snprintf(path, CGROUP_TEXT, CGROUP_SLICE "/monitors/%.24s", id);
}

/* pid 0: this process. */
int cgroup_put(const char *path, pid_t pid, struct error *err)
{
	char full[PATH_MAX], text[16];

	snprintf(full, sizeof full, CGROUP_ROOT "/%s", path);
	if (folder_make(full, 0755, err) == -1)
		return -1;
	snprintf(full, sizeof full, CGROUP_ROOT "/%s/cgroup.procs", path);
	snprintf(text, sizeof text, "%d", (int)pid);
	return file_poke(full, text, err);
}

int cgroup_join(const char *path, struct error *err)
{
	return cgroup_put(path, 0, err);
}

int cgroup_kill(const char *path, struct error *err)
{
	char full[PATH_MAX];

	snprintf(full, sizeof full, CGROUP_ROOT "/%s/cgroup.kill", path);
	if (file_poke(full, "1", err) == -1 && err->code != ENOENT && err->code != ENODEV)
		return -1;
	return 0;
}

int cgroup_freeze(const char *path, bool frozen, struct error *err)
{
	char full[PATH_MAX];

	snprintf(full, sizeof full, CGROUP_ROOT "/%s/cgroup.freeze", path);
	return file_poke(full, frozen ? "1" : "0", err);
}

bool cgroup_frozen(const char *path)
{
	char full[PATH_MAX];
	struct error err = ERROR_INIT;
	cleanup_free char *text = NULL;

	snprintf(full, sizeof full, CGROUP_ROOT "/%s/cgroup.freeze", path);
	return file_read(full, 64, &text, NULL, &err) == 0 && text[0] == '1';
}

/* cgroup.events; "" if it cannot be read: *ret_code says why. */
static void events_read(const char *path, char text[256], int *ret_code)
{
	char full[PATH_MAX];
	struct error err = ERROR_INIT;
	cleanup_free char *events = NULL;

	snprintf(full, sizeof full, CGROUP_ROOT "/%s/cgroup.events", path);
	*ret_code = file_read(full, 255, &events, NULL, &err) == -1 ? err.code : 0;
	snprintf(text, 256, "%s", *ret_code == 0 ? events : "");
}

bool cgroup_held(const char *path)
{
	char text[256];
	int code;

	events_read(path, text, &code);
	return strstr(text, "frozen 1") != NULL;
}

bool cgroup_populated(const char *path)
{
	char text[256];
	int code;

	events_read(path, text, &code);
	if (code != 0)
		return code != ENOENT && code != ENODEV; /* not known: not called empty */
	return strstr(text, "populated 1") != NULL;
}

/* The container made the groups below its own; the kernel bounds their depth, and so does this. */
static int group_remove_at(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	DIR *dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return -1;
	}
	int result = 0;
	for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (depth == 0)
			errno = ELOOP;
		result = depth == 0 ? -1 : group_remove_at(dirfd(dir), entry->d_name, depth - 1);
	}
	int saved = errno;
	closedir(dir);
	errno = saved;
	if (result == 0 && unlinkat(parent, name, AT_REMOVEDIR) == -1 && errno != ENOENT)
		result = -1;
	return result;
}

int cgroup_remove(const char *path, struct error *err)
{
	char full[PATH_MAX];

	snprintf(full, sizeof full, CGROUP_ROOT "/%s", path);
	if (group_remove_at(AT_FDCWD, full, CGROUP_DEPTH_MAX + GROUPS_OURS) == -1)
		return error_errno(err, "cannot remove the control group %s", path);
	return 0;
}
