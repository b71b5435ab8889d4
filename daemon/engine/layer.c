/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/engine/cage.h"
#include "daemon/engine/engine.h"
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

struct unpacking {
	struct loop *loop;
	struct layer_source source;
	bool known; /* there already: only checked */
	int pipe;   /* the child's struct result_message */
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

/* What both sides of the cage know. */
struct cell {
	const struct unpacking *unpacking;
	dev_t device; /* of all layers */
};

static int opaque_give(int fd, void *data, struct error *err)
{
	(void)data;
	return cage_give(fd, err);
}

/* In the cage: the tar is there by its number. */
static int tar_work(void *result, void *data, struct error *err)
{
	const struct unpacking *unpacking = ((struct cell *)data)->unpacking;
	const struct layer_source *source = &unpacking->source;
	struct unpack unpack = {
		.tar = source->tar, .bytes_max = source->bytes_max, .entries_max = source->entries_max,
		.layer = source->of_image, .check = unpacking->known, .opaque = opaque_give,
	};

	unpack.tar.fd = CAGE_FD_INPUT;
	return unpack_tar(&unpack, result, err);
}

/* A folder that hides what is below it. The cage has no other file system to hand one out from; it is checked all the same. */
static int opaque_take(int fd, void *data, struct error *err)
{
	const struct cell *cell = data;
	struct stat st;

	if (fstat(fd, &st) == -1 || !S_ISDIR(st.st_mode) || st.st_dev != cell->device || st.st_uid < ID_LAYER_BASE ||
	    st.st_uid >= ID_LAYER_BASE + ID_RANGE)
		return error_set(err, EPROTO, "the unpacking process handed out what is no folder of the layer");
	if (fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) == -1)
		return error_errno(err, "cannot mark a folder of a layer");
	return 0;
}

static int digests_check(const struct layer_source *source, const struct unpack_result *got, struct error *err)
{
	const char *own = source->of_image ? got->plain : got->digest;

	if (source->packed[0] != '\0' && memcmp(source->packed, got->digest, DIGEST_TEXT) != 0)
		return error_field(err, "digest", "the archive has another content: its SHA-256 is %.64s, not %s", got->digest,
				   source->packed);
	if (memcmp(source->name, own, DIGEST_TEXT) != 0)
		return error_field(err, "digest", "the SHA-256 of the %s is %.64s, not %s",
				   source->of_image ? "unpacked layer" : "upload", own, source->name);
	return 0;
}

static int layer_make(struct unpacking *unpacking, struct result_message *result, struct error *err)
{
	const struct layer_source *source = &unpacking->source;
	char name[DIGEST_TEXT + 8], folder[PATH_MAX], final[DIGEST_TEXT + 8];
	struct unpack_result unpacked = { 0 };
	struct cell cell = { .unpacking = unpacking };
	struct stat st;

	temp_name(source->name, name);
	snprintf(folder, sizeof folder, ENGINE_LAYERS "/%s", name);
	snprintf(final, sizeof final, LAYER_PREFIX "%s", source->name);
	if (unpack_prepare(err) == -1)
		return -1;
	cleanup_fd int layers = open(ENGINE_LAYERS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layers == -1 || fstat(layers, &st) == -1)
		return error_errno(err, "cannot open " ENGINE_LAYERS);
	cell.device = st.st_dev;
	if (unpacking->known && layer_size(source->name, result, err) == -1)
		return -1;
	if (!unpacking->known && (mkdir(folder, 0755) == -1 || chown(folder, ID_LAYER_BASE, ID_LAYER_BASE) == -1 ||
				  chmod(folder, 0755) == -1))
		return error_errno(err, "cannot make %s", folder);

	const struct cage cage = {
		.folder = unpacking->known ? NULL : folder, .input = source->tar.fd, .second = -1,
		.confine = unpack_confine, .work = tar_work, .given = opaque_take, .data = &cell,
	};
	if (cage_run(&cage, &unpacked, sizeof unpacked, err) == -1 || digests_check(source, &unpacked, err) == -1)
		return -1;
	if (unpacking->known)
		return 0;
	result->bytes = unpacked.bytes;
	result->entries = unpacked.entries;
	/* Everything on disk before the name that vouches for it. */
	if (size_write(layers, source->name, result) == -1 || syncfs(layers) == -1 ||
	    renameat(layers, name, layers, final) == -1 || fsync(layers) == -1)
		return error_errno(err, "cannot keep the unpacked image");
	return 0;
}

static void import_child(struct unpacking *unpacking, int pipe)
{
	struct error err = ERROR_INIT;
	struct result_message result = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* an import without an engine would answer nobody */
	/* What a stranger's archive makes it take is not spared when memory runs out. */
	if (file_poke("/proc/self/oom_score_adj", "500", &err) == -1 || layer_make(unpacking, &result, &err) == -1) {
		result.code = (uint32_t)(err.code != 0 ? err.code : EIO);
		memcpy(result.field, err.field, sizeof result.field);
		memcpy(result.message, err.message, sizeof result.message);
	}
	_exit(fd_write_full(pipe, &result, sizeof result) == -1);
}

static void import_end(pid_t pid, int status, void *data)
{
	struct unpacking *unpacking = data;
	struct error err = ERROR_INIT;
	struct result_message result = { 0 };
	char name[DIGEST_TEXT + 8];

	(void)pid;
	imports--;
	if (fd_read_full(unpacking->pipe, &result, sizeof result) != (ssize_t)sizeof result) {
		result = (struct result_message){ .code = EIO };
		snprintf(result.message, sizeof result.message, "the import ended without an answer (status %d)",
			 status);
	}
	close(unpacking->pipe);
	if (result.code != 0 && !unpacking->known) {
		temp_name(unpacking->source.name, name);
		if (tree_remove(unpacking->loop, ENGINE_LAYERS, name, NULL, NULL, &err) == -1)
			log_warning("%s", err.message);
	}
	unpacking->cb(&result, unpacking->data);
	free(unpacking);
}

int layer_import(struct loop *loop, const struct layer_source *source, layer_done_cb *cb, void *data, struct error *err)
{
	char name[DIGEST_TEXT + 8], path[PATH_MAX];
	int pipe[2];

	if (imports == LAYER_IMPORTS_MAX)
		return error_set(err, EAGAIN, "other images are being unpacked");
	temp_name(source->name, name);
	snprintf(path, sizeof path, ENGINE_LAYERS "/%s", name);
	if (access(path, F_OK) == 0)
		return error_set(err, EAGAIN, "this layer is being unpacked already");

	struct unpacking *unpacking = calloc(1, sizeof *unpacking);
	if (unpacking == NULL)
		return error_set(err, ENOMEM, "no memory for an import");
	*unpacking = (struct unpacking){
		.loop = loop, .source = *source, .known = layer_exists(source->name), .cb = cb, .data = data,
	};
	if (pipe2(pipe, O_CLOEXEC) == -1) {
		error_errno(err, "cannot make a pipe");
		free(unpacking);
		return -1;
	}
	pid_t pid = fork();
	if (pid == 0)
		import_child(unpacking, pipe[1]);
	close(pipe[1]);
	unpacking->pipe = pipe[0];
	if (pid == -1)
		error_errno(err, "cannot start an import");
	else if (loop_add_child(loop, pid, import_end, unpacking, err) != NULL) {
		imports++;
		return 0;
	} else {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	close(pipe[0]);
	free(unpacking);
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
		log_info("removing layer sha256:%s, which no one knows any more", digest);
		(void)layer_delete(loop, digest, first.code == 0 ? &first : &later);
	}
	closedir(dir);
	if (first.code == 0)
		return 0;
	*err = first;
	return -1;
}
