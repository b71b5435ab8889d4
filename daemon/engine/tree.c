/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/hex.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

#define TREE_GONE ".gone-"

enum { TREE_DEPTH_MAX = 64 }; /* descriptors and stack frames at a time */

/* One request. Those for the same path share a child: who asks again does not make it slower. */
struct removal {
	struct removal *next;
	pid_t pid;
	tree_done_cb *cb;
	void *data;
	char path[PATH_MAX];
};

static struct removal *removals;

/* One walk, in the child. */
struct walk {
	int top;
	int code;   /* first failure, an errno value */
	bool moved; /* a folder too deep has come to the top: one more round */
};

static void walk_failed(struct walk *walk, int code)
{
	if (walk->code == 0)
		walk->code = code;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A link is never followed, a mount never entered. */
static DIR *folder_open(int parent, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int fd = (int)syscall(SYS_openat2, parent, name, &how, sizeof how);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);

	if (dir == NULL && fd != -1)
		close(fd);
	return dir;
}

static void folder_empty(struct walk *walk, DIR *dir, int depth);

/*
 * Removed meanwhile by another walk of the same tree is success. At the bound
 * the folder moves to the top, under a name that nobody has, and is taken up
 * from there: no tree is too deep.
 */
static void folder_remove(struct walk *walk, int parent, const char *name, int depth)
{
	char random[ID_TEXT];

	if (depth == TREE_DEPTH_MAX) {
		id_generate(random);
		if (renameat(parent, name, walk->top, random) == 0)
			walk->moved = true;
		else if (errno != ENOENT)
			walk_failed(walk, errno);
		return;
	}
	DIR *dir = folder_open(parent, name);
	if (dir == NULL) {
		if (errno != ENOENT)
			walk_failed(walk, errno);
		return;
	}
	folder_empty(walk, dir, depth + 1);
	closedir(dir);
	if (unlinkat(parent, name, AT_REMOVEDIR) == -1 && errno != ENOENT)
		walk_failed(walk, errno);
}

static void folder_empty(struct walk *walk, DIR *dir, int depth)
{
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(dir);
		if (entry == NULL) {
			if (errno != 0 && errno != ENOENT)
				walk_failed(walk, errno);
			return;
		}
		if (is_dots(entry->d_name) || unlinkat(dirfd(dir), entry->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno == EISDIR)
			folder_remove(walk, dirfd(dir), entry->d_name, depth);
		else
			walk_failed(walk, errno);
	}
}

/* Returns 0 or an errno value. */
static int tree_walk(const char *path)
{
	DIR *top = opendir(path);
	struct walk walk = { 0 };

	if (top == NULL)
		return errno == ENOENT ? 0 : errno;
	walk.top = dirfd(top);
	do {
		walk.moved = false;
		rewinddir(top);
		folder_empty(&walk, top, 0);
	} while (walk.moved); /* each round takes levels off: it comes to an end */
	closedir(top);
	if (rmdir(path) == -1 && errno != ENOENT)
		walk_failed(&walk, errno);
	return walk.code;
}

static void removal_end(pid_t pid, int status, void *data)
{
	struct removal *ended = NULL;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;

	(void)data;
	if (code != 0)
		log_warning("some files of a removed container or image are left: %s; they go at the next start",
			    strerror(code));
	for (struct removal **at = &removals; *at != NULL;) {
		struct removal *removal = *at;
		if (removal->pid != pid) {
			at = &removal->next;
			continue;
		}
		*at = removal->next;
		removal->next = ended;
		ended = removal;
	}
	while (ended != NULL) { /* what a callback asks for anew is none of these */
		struct removal *removal = ended;
		ended = removal->next;
		if (removal->cb != NULL)
			removal->cb(code, removal->data);
		free(removal);
	}
}

/* The child that is at work on path, started now if there is none; -1 with err. */
static pid_t child_of(struct loop *loop, const char *path, struct error *err)
{
	for (const struct removal *removal = removals; removal != NULL; removal = removal->next)
		if (strcmp(removal->path, path) == 0)
			return removal->pid;
	pid_t pid = fork();
	if (pid == -1)
		return error_errno(err, "cannot start a process to remove %s", path);
	if (pid == 0) {
		setpriority(PRIO_PROCESS, 0, 10); /* tenants' work goes first */
		_exit(tree_walk(path));
	}
	if (loop_add_child(loop, pid, removal_end, NULL, err) == NULL) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return -1;
	}
	return pid;
}

static int path_remove(struct loop *loop, const char *path, tree_done_cb *cb, void *data, struct error *err)
{
	struct removal *removal = calloc(1, sizeof *removal);

	if (removal == NULL)
		return error_set(err, ENOMEM, "no memory to remove %s", path);
	*removal = (struct removal){ .pid = child_of(loop, path, err), .cb = cb, .data = data };
	if (removal->pid == -1) {
		free(removal);
		return -1;
	}
	snprintf(removal->path, sizeof removal->path, "%s", path);
	removal->next = removals;
	removals = removal;
	return 0;
}

int tree_remove(struct loop *loop, const char *folder, const char *name, tree_done_cb *cb, void *data,
		struct error *err)
{
	char from[PATH_MAX], to[PATH_MAX], random[ID_TEXT];

	snprintf(from, sizeof from, "%s/%s", folder, name);
	snprintf(to, sizeof to, "%s/" TREE_GONE "%s", folder, name);
	int result = rename(from, to);
	if (result == -1 && (errno == EEXIST || errno == ENOTEMPTY)) {
		/* An earlier one of this name is on its way, or could not be removed. */
		id_generate(random);
		snprintf(to, sizeof to, "%s/" TREE_GONE "%s-%s", folder, name, random);
		result = rename(from, to);
	}
	if (result == -1 && errno != ENOENT)
		return error_errno(err, "cannot remove %s", from);
	if (result == -1 && access(to, F_OK) == -1) {
		if (cb != NULL)
			cb(0, data);
		return 0;
	}
	return path_remove(loop, to, cb, data, err);
}

int tree_sweep(struct loop *loop, const char *folder, struct error *err)
{
	struct error first = ERROR_INIT, later = ERROR_INIT;
	DIR *dir = opendir(folder);

	if (dir == NULL)
		return error_errno(err, "cannot read %s", folder);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char path[PATH_MAX];
		struct error *say = first.code == 0 ? &first : &later;
		if (entry->d_name[0] != '.' || is_dots(entry->d_name))
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (strncmp(entry->d_name, TREE_GONE, strlen(TREE_GONE)) == 0)
			(void)path_remove(loop, path, NULL, NULL, say);
		else
			(void)tree_remove(loop, folder, entry->d_name, NULL, NULL, say);
	}
	closedir(dir);
	if (first.code == 0)
		return 0;
	*err = first;
	return -1;
}
