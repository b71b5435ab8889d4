/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/content.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/digest.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/loop.h"

enum { BLOCK = 128 * 1024 };

static void refs_path(const char *base, const char *id, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/refs/%s", base, id);
}

int content_lock(const char *base, struct error *err)
{
	if (folder_make(base, 0700, err) == -1)
		return -1;
	cleanup_fd int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = fd == -1 ? -1 : 0;
	while (result == 0 && (result = flock(fd, LOCK_EX)) == -1 && errno == EINTR)
		result = 0;
	if (result == -1)
		return error_errno(err, "cannot lock %s", base);
	return fd_steal(&fd);
}

static int folder_open(const char *path, struct error *err)
{
	if (folder_make(path, 0700, err) == -1)
		return -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd == -1 ? error_errno(err, "cannot open %s", path) : fd;
}

int content_open(const char *base, const char *store, struct error *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/stores/%s/" CONTENT_FOLDER, base, store);
	return folder_open(path, err);
}

int content_refs_open(const char *base, const char *id, const char *store, struct error *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/refs/%s/%s", base, id, store);
	return folder_open(path, err);
}

/* By shared blocks where the file system can, byte by byte where not. */
static int data_copy(int from, int to, struct error *err)
{
	cleanup_free char *block = NULL;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	block = malloc(BLOCK);
	if (block == NULL)
		return error_set(err, ENOMEM, "no memory to copy a file");
	for (off_t at = 0;;) {
		ssize_t n = pread(from, block, BLOCK, at);
		if (n == 0)
			return 0;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 || fd_write_full(to, block, (size_t)n) == -1)
			return error_errno(err, "cannot copy a file into the shared content");
		at += n;
	}
}

int content_add(int store, int fd, const char hash[DIGEST_TEXT], struct error *err)
{
	char found[DIGEST_TEXT];

	if (faccessat(store, hash, F_OK, 0) == 0)
		return 0;
	cleanup_fd int file = openat(store, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0400);
	if (file == -1)
		return error_errno(err, "cannot make a file of shared content");
	/* The copy's hash counts: nobody else can write to that. */
	if (data_copy(fd, file, err) == -1 || digest_file(file, found, err) == -1)
		return -1;
	if (strcmp(found, hash) != 0)
		return error_set(err, EILSEQ, "a file changed while it was read");
	/* Its data before its name. */
	if (fsync(file) == -1 || (linkat(file, "", store, hash, AT_EMPTY_PATH) == -1 && errno != EEXIST))
		return error_errno(err, "cannot keep a file of shared content");
	return 0;
}

int content_same(int store, int fd, const char hash[DIGEST_TEXT], struct error *err)
{
	cleanup_fd int file = openat(store, hash, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_free char *blocks = malloc(2 * (size_t)BLOCK);
	int same = 1;

	if (file == -1)
		return error_errno(err, "cannot open shared content");
	if (blocks == NULL)
		return error_set(err, ENOMEM, "no memory to compare files");
	for (off_t at = 0; same == 1;) {
		ssize_t n = pread(file, blocks, BLOCK, at), m = pread(fd, blocks + BLOCK, BLOCK, at);
		if (n == -1 || m == -1)
			return error_errno(err, "cannot read files to compare them");
		/* Regular files are read short at their end only. */
		same = n == m && memcmp(blocks, blocks + BLOCK, (size_t)n) == 0;
		if (n == 0)
			break;
		at += n;
	}
	(void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return same;
}

int content_refer(int store, int refs, const char hash[DIGEST_TEXT], struct error *err)
{
	if (linkat(store, hash, refs, hash, 0) == -1 && errno != EEXIST)
		return error_errno(err, "cannot note the use of shared content");
	return 0;
}

/* A folder's names one after another; fd stays the caller's. */
static DIR *folder_read(int fd, struct error *err)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy == -1 ? NULL : fdopendir(copy);

	if (dir == NULL) {
		error_errno(err, "cannot read a folder of shared content");
		fd_cleanup(&copy);
	}
	return dir;
}

int content_each(int folder, void (*cb)(const char hash[DIGEST_TEXT], uint64_t size, void *data), void *data,
		 struct error *err)
{
	DIR *dir = folder_read(folder, err);
	struct stat st;

	if (dir == NULL)
		return -1;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (hex_valid(entry->d_name, DIGEST_TEXT - 1) &&
		    fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			cb(entry->d_name, (uint64_t)st.st_size, data);
	closedir(dir);
	return 0;
}

/* Gone if nobody refers to it. Returns 1 if it went. */
static int unused_remove(int store, const char *hash)
{
	struct stat st;

	return fstatat(store, hash, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 1 && unlinkat(store, hash, 0) == 0;
}

int64_t content_sweep(int store, struct error *err)
{
	DIR *dir = folder_read(store, err);
	int64_t count = 0;

	if (dir == NULL)
		return -1;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (hex_valid(entry->d_name, DIGEST_TEXT - 1))
			count += unused_remove(store, entry->d_name);
	closedir(dir);
	return count;
}

bool content_used(const char *base, const char *id)
{
	char path[PATH_MAX];

	refs_path(base, id, path);
	return access(path, F_OK) == 0;
}

/* The stores that a container has references to: names for cb, in no order. */
static int stores_each(const char *base, const char *id, int (*cb)(const char *store, void *data, struct error *err),
		       void *data, struct error *err)
{
	char path[PATH_MAX];
	int result = 0;

	refs_path(base, id, path);
	DIR *dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT ? 0 : error_errno(err, "cannot read %s", path);
	for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;)
		if (strcmp(entry->d_name, CONTENT_HOST) == 0 || id_valid(entry->d_name))
			result = cb(entry->d_name, data, err);
	closedir(dir);
	return result;
}

struct layers {
	const char *base;
	char (*paths)[PATH_MAX];
	int count;
};

static int layer_add(const char *store, void *data, struct error *err)
{
	struct layers *layers = data;

	if (layers->count == CONTENT_STORES_MAX)
		return error_set(err, E2BIG, "a container leads to more than %d stores of content", CONTENT_STORES_MAX);
	snprintf(layers->paths[layers->count++], PATH_MAX, "%s/stores/%s", layers->base, store);
	return 0;
}

int content_layers(const char *base, const char *id, char paths[CONTENT_STORES_MAX][PATH_MAX], struct error *err)
{
	struct layers layers = { .base = base, .paths = paths };

	return stores_each(base, id, layer_add, &layers, err) == -1 ? -1 : layers.count;
}

struct visit {
	const char *base, *id;
	uint64_t bytes;
};

static void size_add(const char hash[DIGEST_TEXT], uint64_t size, void *data)
{
	struct visit *visit = data;

	(void)hash;
	visit->bytes += size;
}

static int bytes_add(const char *store, void *data, struct error *err)
{
	struct visit *visit = data;
	cleanup_fd int refs = content_refs_open(visit->base, visit->id, store, err);

	return refs == -1 ? -1 : content_each(refs, size_add, visit, err);
}

uint64_t content_bytes(const char *base, const char *id)
{
	struct visit visit = { .base = base, .id = id };
	struct error err = ERROR_INIT;

	(void)stores_each(base, id, bytes_add, &visit, &err); /* what cannot be read does not start either: content_layers() */
	return visit.bytes;
}

struct pruning {
	const char *base, *id;
	bool (*keep)(const char hash[DIGEST_TEXT], void *data); /* NULL: nothing is kept */
	void *data;
};

static int store_prune(const char *store, void *data, struct error *err)
{
	const struct pruning *pruning = data;
	cleanup_fd int refs = content_refs_open(pruning->base, pruning->id, store, err);
	cleanup_fd int folder = refs == -1 ? -1 : content_open(pruning->base, store, err);
	DIR *dir = folder == -1 ? NULL : folder_read(refs, err);
	int result = 0;

	if (dir == NULL)
		return -1;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (!hex_valid(entry->d_name, DIGEST_TEXT - 1) ||
		    (pruning->keep != NULL && pruning->keep(entry->d_name, pruning->data)))
			continue;
		if (unlinkat(refs, entry->d_name, 0) == -1)
			result = error_errno(err, "cannot remove a reference to shared content");
		else
			unused_remove(folder, entry->d_name);
	}
	closedir(dir);
	return result;
}

int content_prune(const char *base, const char *id, bool (*keep)(const char hash[DIGEST_TEXT], void *data), void *data,
		  struct error *err)
{
	struct pruning pruning = { .base = base, .id = id, .keep = keep, .data = data };

	return stores_each(base, id, store_prune, &pruning, err);
}

struct sharing {
	const char *base, *from, *to;
};

static int store_share(const char *store, void *data, struct error *err)
{
	const struct sharing *sharing = data;
	cleanup_fd int folder = content_open(sharing->base, store, err);
	cleanup_fd int from = folder == -1 ? -1 : content_refs_open(sharing->base, sharing->from, store, err);
	cleanup_fd int to = from == -1 ? -1 : content_refs_open(sharing->base, sharing->to, store, err);
	DIR *dir = to == -1 ? NULL : folder_read(from, err);
	int result = 0;

	if (dir == NULL)
		return -1;
	for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;)
		if (hex_valid(entry->d_name, DIGEST_TEXT - 1))
			result = content_refer(folder, to, entry->d_name, err);
	closedir(dir);
	return result;
}

int content_share(const char *base, const char *from, const char *to, struct error *err)
{
	struct sharing sharing = { .base = base, .from = from, .to = to };

	return stores_each(base, from, store_share, &sharing, err);
}

static int store_release(const char *store, void *data, struct error *err)
{
	const struct pruning *pruning = data;
	char path[PATH_MAX];

	if (store_prune(store, data, err) == -1)
		return -1;
	snprintf(path, sizeof path, "%s/refs/%s/%s", pruning->base, pruning->id, store);
	return rmdir(path) == -1 ? error_errno(err, "cannot remove %s", path) : 0;
}

int content_release(const char *base, const char *id, struct error *err)
{
	struct pruning pruning = { .base = base, .id = id };
	char path[PATH_MAX];

	if (stores_each(base, id, store_release, &pruning, err) == -1)
		return -1;
	refs_path(base, id, path);
	if (rmdir(path) == -1 && errno != ENOENT)
		return error_errno(err, "cannot remove %s", path);
	return 0;
}

int content_collect(const char *base, const char *containers, struct error *err)
{
	char path[PATH_MAX];
	int result = 0;

	snprintf(path, sizeof path, "%s/refs", base);
	DIR *dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT ? 0 : error_errno(err, "cannot read %s", path);
	for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;) {
		if (!id_valid(entry->d_name))
			continue;
		snprintf(path, sizeof path, "%s/%s", containers, entry->d_name);
		if (access(path, F_OK) == -1 && errno == ENOENT)
			result = content_release(base, entry->d_name, err);
	}
	closedir(dir);
	return result;
}

struct forgetting {
	content_done_cb *cb;
	void *data;
};

static void forgotten(pid_t pid, int status, void *data)
{
	struct forgetting *forgetting = data;

	(void)pid;
	forgetting->cb(WIFEXITED(status) ? WEXITSTATUS(status) : EINTR, forgetting->data);
	free(forgetting);
}

int content_forget(struct loop *loop, const char *base, const char *id, content_done_cb *cb, void *data, struct error *err)
{
	if (!content_used(base, id)) {
		cb(0, data);
		return 0;
	}
	struct forgetting *forgetting = malloc(sizeof *forgetting);
	if (forgetting == NULL)
		return error_set(err, ENOMEM, "no memory to forget shared content");
	*forgetting = (struct forgetting){ .cb = cb, .data = data };
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int lock = content_lock(base, err);
		_exit(lock == -1 || content_release(base, id, err) == -1 ? (err->code != 0 ? err->code : EIO) : 0);
	}
	if (pid == -1)
		error_errno(err, "cannot start a process to forget shared content");
	else if (loop_add_child(loop, pid, forgotten, forgetting, err) != NULL)
		return 0;
	else {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	free(forgetting);
	return -1;
}
