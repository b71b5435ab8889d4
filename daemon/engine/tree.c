/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/tree.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

struct removal {
	tree_done_cb *cb;
	void *data;
};

static int entry_remove(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)at;
	/* Going on past a failure frees what can be freed; the folder itself then tells. */
	if (remove(path) == -1 && kind == FTW_DP && errno != ENOENT)
		return errno;
	return 0;
}

/* Runs in the child. FTW_PHYS: a link is removed, never followed; nobody else writes here any more. */
static int tree_walk(const char *path)
{
	int result = nftw(path, entry_remove, 64, FTW_PHYS | FTW_DEPTH | FTW_MOUNT);
	return result == -1 ? errno : result;
}

static void removal_end(pid_t pid, int status, void *data)
{
	struct removal *removal = data;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;

	(void)pid;
	if (code != 0)
		log_warning("some files of a removed container or image are left: %s; they go at the next start",
			    strerror(code));
	if (removal->cb != NULL)
		removal->cb(code, removal->data);
	free(removal);
}

static int path_remove(struct loop *loop, const char *path, tree_done_cb *cb, void *data, struct error *err)
{
	struct removal *removal = calloc(1, sizeof *removal);

	if (removal == NULL)
		return error_set(err, ENOMEM, "no memory to remove %s", path);
	removal->cb = cb;
	removal->data = data;
	pid_t pid = fork();
	if (pid == -1) {
		error_errno(err, "cannot start a process to remove %s", path);
		free(removal);
		return -1;
	}
	if (pid == 0) {
		setpriority(PRIO_PROCESS, 0, 10); /* tenants' work goes first */
		_exit(tree_walk(path));
	}
	if (loop_add_child(loop, pid, removal_end, removal, err) == NULL) {
		free(removal);
		return -1;
	}
	return 0;
}

int tree_remove(struct loop *loop, const char *folder, const char *name, tree_done_cb *cb, void *data,
		struct error *err)
{
	char from[PATH_MAX], to[PATH_MAX], random[ID_TEXT];

	id_generate(random);
	snprintf(from, sizeof from, "%s/%s", folder, name);
	snprintf(to, sizeof to, "%s/.gone-%s", folder, random);
	if (rename(from, to) == -1) {
		if (errno != ENOENT)
			return error_errno(err, "cannot remove %s", from);
		if (cb != NULL)
			cb(0, data);
		return 0;
	}
	return path_remove(loop, to, cb, data, err);
}

int tree_sweep(struct loop *loop, const char *folder, struct error *err)
{
	DIR *dir = opendir(folder);
	if (dir == NULL)
		return error_errno(err, "cannot read %s", folder);
	int result = 0;
	for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;) {
		char path[PATH_MAX];
		if (entry->d_name[0] != '.' || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		result = path_remove(loop, path, NULL, NULL, err);
	}
	closedir(dir);
	return result;
}
