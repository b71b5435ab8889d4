/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/idmap.h"
#include "daemon/engine/tree.h"
#include "daemon/engine/unpack.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/protocol.h"

#define LAYER_PREFIX "sha256-"
#define LAYER_SIZE ".size" /* behind the layer's name: a file "<bytes> <entries>", for who asks for the import again */

enum { NAME_TEXT = DIGEST_TEXT + 16 };

struct import {
	struct loop *loop;
	struct image_message image;
	int pipe; /* the child's struct result_message */
	layer_done_cb *cb;
	void *data;
};

static unsigned imports;

void layer_path(const char digest[DIGEST_TEXT], char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, ENGINE_LAYERS "/" LAYER_PREFIX "%s", digest);
}

bool layer_exists(const char digest[DIGEST_TEXT])
{
	char path[PATH_MAX];
	struct stat st;

	layer_path(digest, path);
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void size_name(const char digest[DIGEST_TEXT], char name[NAME_TEXT])
{
	snprintf(name, NAME_TEXT, LAYER_PREFIX "%s" LAYER_SIZE, digest);
}

/* Not yet on disk: what makes the layer durable is for this, too. */
static int size_write(int layers, const char digest[DIGEST_TEXT], const struct result_message *result)
{
	char name[NAME_TEXT], text[64];

	size_name(digest, name);
	int size = snprintf(text, sizeof text, "%llu %llu\n", (unsigned long long)result->bytes,
			    (unsigned long long)result->entries);
	cleanup_fd int fd = openat(layers, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd == -1 ? -1 : fd_write_full(fd, text, (size_t)size);
}

/* Of an import that was cut off between the size and the layer's name. No import runs yet. */
static void sizes_sweep(int layers)
{
	const size_t length = strlen(LAYER_PREFIX) + DIGEST_TEXT - 1;
	int copy = fcntl(layers, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy == -1 ? NULL : fdopendir(copy);

	if (dir == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char layer[NAME_TEXT];
		if (strlen(entry->d_name) <= length || strcmp(entry->d_name + length, LAYER_SIZE) != 0)
			continue;
		snprintf(layer, sizeof layer, "%.*s", (int)length, entry->d_name);
		if (faccessat(layers, layer, F_OK, 0) == -1)
			(void)unlinkat(layers, entry->d_name, 0);
	}
	closedir(dir);
}

int layer_init(struct loop *loop, struct error *err)
{
	struct error left = ERROR_INIT;

	if (folder_make(ENGINE_LAYERS, 0700, err) == -1)
		return -1;
	cleanup_fd int layers = open(ENGINE_LAYERS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layers == -1)
		return error_errno(err, "cannot open " ENGINE_LAYERS);
	sizes_sweep(layers);
	if (tree_sweep(loop, ENGINE_LAYERS, &left) == -1)
		log_error("%s", left.message); /* it takes room, and nothing else */
	return 0;
}

int layer_size(const char digest[DIGEST_TEXT], struct result_message *ret_result, struct error *err)
{
	char name[NAME_TEXT], path[PATH_MAX];
	unsigned long long bytes, entries;
	cleanup_free char *text = NULL;

	size_name(digest, name);
	snprintf(path, sizeof path, ENGINE_LAYERS "/%s", name);
	if (file_read(path, 64, &text, NULL, err) == -1)
		return -1;
	if (sscanf(text, "%llu %llu", &bytes, &entries) != 2)
		return error_set(err, EBADMSG, "%s does not hold two numbers", path);
	ret_result->bytes = bytes;
	ret_result->entries = entries;
	return 0;
}

static void temp_name(const char digest[DIGEST_TEXT], char name[DIGEST_TEXT + 8])
{
	snprintf(name, DIGEST_TEXT + 8, ".tmp-%s", digest);
}

/* The innermost process. Inherits nothing but the tar and the pipe; its root is the layer's folder. */
static int unpack_child(const struct image_message *image, int tar, int ready, int pipe)
{
	struct error err = ERROR_INIT;
	struct result_message result = { 0 };
	struct unpack_result unpacked = { 0 };
	char mapped;

	/* Root in the new namespace only once the parent has written its map. */
	if (fd_read_full(ready, &mapped, 1) != 1)
		return 1;
	if (setgroups(0, NULL) == -1 || setresgid(0, 0, 0) == -1 || setresuid(0, 0, 0) == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == -1) /* the change of user has cleared it */
		error_errno(&err, "cannot become root of the image");
	else if (dup2(tar, 0) == -1 || dup2(pipe, 1) == -1 || close_range(3, ~0U, 0) == -1)
		error_errno(&err, "cannot arrange the unpacking process");
	else if (unpack_confine(&err) == 0)
		(void)unpack_tar(0, image->bytes_max, image->entries_max, &unpacked, &err);

	if (err.code == 0 && memcmp(unpacked.digest, image->digest, DIGEST_TEXT) != 0)
		error_field(&err, "digest", "the upload changed while it was unpacked: its SHA-256 is %s",
			    unpacked.digest);
	result.code = (uint32_t)err.code;
	result.bytes = unpacked.bytes;
	result.entries = unpacked.entries;
	memcpy(result.field, err.field, sizeof result.field);
	memcpy(result.message, err.message, sizeof result.message);
	return fd_write_full(1, &result, sizeof result) == -1;
}

/*
 * Root, in a mount namespace where the layer's folder is all there is. The
 * innermost process is forked from here, so that no path of the host exists for it.
 */
static int cage_enter(const char *folder, struct error *err)
{
	if (unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount(folder, folder, NULL, MS_BIND, NULL) == -1 || chdir(folder) == -1)
		return error_errno(err, "cannot enter %s", folder);
	if (syscall(SYS_pivot_root, ".", ".") == -1 || umount2(".", MNT_DETACH) == -1 || chdir("/") == -1)
		return error_errno(err, "cannot make %s the root of the unpacking process", folder);
	return 0;
}

static int layer_make(const struct image_message *image, int tar, struct result_message *result, struct error *err)
{
	char name[DIGEST_TEXT + 8], folder[PATH_MAX], final[DIGEST_TEXT + 8];
	int ready[2], answer[2];

	temp_name(image->digest, name);
	snprintf(folder, sizeof folder, ENGINE_LAYERS "/%s", name);
	snprintf(final, sizeof final, LAYER_PREFIX "%s", image->digest);

	if (unpack_prepare(err) == -1)
		return -1;
	/* The map is written through this, since /proc is out of sight in the cage. */
	cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int layers = open(ENGINE_LAYERS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layers == -1 || proc == -1)
		return error_errno(err, "cannot open " ENGINE_LAYERS);
	if (mkdir(folder, 0755) == -1 || chown(folder, ID_LAYER_BASE, ID_LAYER_BASE) == -1 ||
	    chmod(folder, 0755) == -1)
		return error_errno(err, "cannot make %s", folder);
	if (cage_enter(folder, err) == -1)
		return -1;
	if (pipe2(ready, O_CLOEXEC) == -1 || pipe2(answer, O_CLOEXEC) == -1)
		return error_errno(err, "cannot make a pipe");

	pid_t pid = (pid_t)syscall(SYS_clone,
				   CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
					   CLONE_NEWPID | CLONE_NEWCGROUP | SIGCHLD,
				   NULL, NULL, NULL, 0);
	if (pid == -1)
		return error_errno(err, "cannot start the unpacking process");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[1]);
		_exit(unpack_child(image, tar, ready[0], answer[1]));
	}
	close(ready[0]);
	close(answer[1]);
	int failed = idmap_write(proc, pid, 0, ID_LAYER_BASE, ID_RANGE, err);
	if (failed == 0 && fd_write_full(ready[1], "", 1) == -1)
		failed = error_errno(err, "cannot start the unpacking process");
	close(ready[1]); /* without the byte the child ends by itself */

	ssize_t got = fd_read_full(answer[0], result, sizeof *result);
	int status = 0;
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (failed == -1)
		return -1;
	if (got != (ssize_t)sizeof *result)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ?
			       error_field(err, "tar", "unpacking asked for something that an image may not do") :
			       error_field(err, "tar", "the unpacking process ended too early (status %d)", status);
	if (result->code != 0)
		return 0; /* the child said why */

	/* Everything on disk before the name that vouches for it. */
	if (size_write(layers, image->digest, result) == -1 || syncfs(layers) == -1 ||
	    renameat(layers, name, layers, final) == -1 || fsync(layers) == -1)
		return error_errno(err, "cannot keep the unpacked image");
	return 0;
}

static void import_child(const struct image_message *image, int tar, int pipe)
{
	struct error err = ERROR_INIT;
	struct result_message result = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* an import without an engine would answer nobody */
	/* What a stranger's archive makes it take is not spared when memory runs out. */
	if (file_poke("/proc/self/oom_score_adj", "500", &err) == -1 || layer_make(image, tar, &result, &err) == -1) {
		result.code = (uint32_t)err.code;
		memcpy(result.field, err.field, sizeof result.field);
		memcpy(result.message, err.message, sizeof result.message);
	}
	_exit(fd_write_full(pipe, &result, sizeof result) == -1);
}

static void import_end(pid_t pid, int status, void *data)
{
	struct import *import = data;
	struct error err = ERROR_INIT;
	struct result_message result = { 0 };
	char name[DIGEST_TEXT + 8];

	(void)pid;
	imports--;
	if (fd_read_full(import->pipe, &result, sizeof result) != (ssize_t)sizeof result) {
		result = (struct result_message){ .code = EIO };
		snprintf(result.message, sizeof result.message, "the import ended without an answer (status %d)",
			 status);
	}
	close(import->pipe);
	if (result.code != 0) {
		temp_name(import->image.digest, name);
		if (tree_remove(import->loop, ENGINE_LAYERS, name, NULL, NULL, &err) == -1)
			log_warning("%s", err.message);
	}
	import->cb(&result, import->data);
	free(import);
}

int layer_import(struct loop *loop, const struct image_message *image, int fd, layer_done_cb *cb, void *data,
		 struct error *err)
{
	char name[DIGEST_TEXT + 8];
	int pipe[2];

	if (imports == LAYER_IMPORTS_MAX)
		return error_set(err, EBUSY, "other images are being unpacked; try again when they are done");
	temp_name(image->digest, name);
	char path[PATH_MAX];
	snprintf(path, sizeof path, ENGINE_LAYERS "/%s", name);
	if (access(path, F_OK) == 0)
		return error_set(err, EBUSY, "this image is being unpacked already");
	if (lseek(fd, 0, SEEK_SET) == -1)
		return error_errno(err, "cannot read the upload from its start");

	struct import *import = calloc(1, sizeof *import);
	if (import == NULL)
		return error_set(err, ENOMEM, "no memory for an import");
	*import = (struct import){ .loop = loop, .image = *image, .cb = cb, .data = data };
	if (pipe2(pipe, O_CLOEXEC) == -1) {
		error_errno(err, "cannot make a pipe");
		free(import);
		return -1;
	}
	pid_t pid = fork();
	if (pid == 0)
		import_child(image, fd, pipe[1]);
	close(pipe[1]);
	import->pipe = pipe[0];
	if (pid == -1)
		error_errno(err, "cannot start an import");
	else if (loop_add_child(loop, pid, import_end, import, err) != NULL) {
		imports++;
		return 0;
	} else {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	close(pipe[0]);
	free(import);
	return -1;
}

int layer_delete(struct loop *loop, const char digest[DIGEST_TEXT], struct error *err)
{
	char name[NAME_TEXT], path[PATH_MAX];

	size_name(digest, name);
	snprintf(path, sizeof path, ENGINE_LAYERS "/%s", name);
	if (unlink(path) == -1 && errno != ENOENT)
		return error_errno(err, "cannot remove %s", path);
	snprintf(name, sizeof name, LAYER_PREFIX "%s", digest);
	return tree_remove(loop, ENGINE_LAYERS, name, NULL, NULL, err);
}

int layer_sweep(struct loop *loop, bool (*keep)(const char digest[DIGEST_TEXT], void *data), void *data,
		struct error *err)
{
	DIR *dir = opendir(ENGINE_LAYERS);
	if (dir == NULL)
		return error_errno(err, "cannot read " ENGINE_LAYERS);
	struct error first = ERROR_INIT, later = ERROR_INIT;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		const char *digest = entry->d_name + strlen(LAYER_PREFIX);
		if (strncmp(entry->d_name, LAYER_PREFIX, strlen(LAYER_PREFIX)) != 0 ||
		    !hex_valid(digest, DIGEST_TEXT - 1) || keep(digest, data))
			continue;
		log_info("removing image sha256:%s, which no one knows any more", digest);
		(void)layer_delete(loop, digest, first.code == 0 ? &first : &later);
	}
	closedir(dir);
	if (first.code == 0)
		return 0;
	*err = first;
	return -1;
}
