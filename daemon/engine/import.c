/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/import.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/bundle.h"
#include "daemon/engine/cage.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/layer.h"
#include "daemon/engine/unpack.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/protocol.h"

enum { AGAIN_MS = 300 }; /* while another import unpacks the same layer */

/* What the looking child answers. */
struct finding {
	struct error err;
	struct bundle bundle;
};

/* It is read when the child has ended: a pipe takes that much (pipe(7)). */
_Static_assert(sizeof(struct finding) < 65536, "the answer fits into a pipe");

struct import {
	struct import *next;
	struct loop *loop;
	struct image_message image;
	struct slice file;
	int scratch, pipe; /* -1 unless open */
	struct bundle bundle;
	uint32_t at;       /* the layer that is being unpacked */
	bool made[CONTAINER_LAYERS_MAX]; /* by this import alone: to be removed if it fails */
	struct loop_source *timer;
	import_done_cb *cb;
	void *data;
};

static struct import *imports;

static void layer_next(struct import *import);

/* Another import found the layer there: it is not for this one alone any more. */
static void layer_shared(const struct import *by, const char *digest)
{
	for (struct import *other = imports; other != NULL; other = other->next)
		for (uint32_t i = 0; other != by && i < other->bundle.content.layer_count; i++)
			if (memcmp(other->bundle.content.layers[i], digest, DIGEST_TEXT) == 0)
				other->made[i] = false;
}

bool import_uses(const char digest[DIGEST_TEXT])
{
	for (const struct import *import = imports; import != NULL; import = import->next)
		for (uint32_t i = 0; i < import->bundle.content.layer_count; i++)
			if (memcmp(import->bundle.content.layers[i], digest, DIGEST_TEXT) == 0)
				return true;
	return false;
}

static void import_free(struct import *import)
{
	struct import **link = &imports;

	while (*link != NULL && *link != import)
		link = &(*link)->next;
	if (*link != NULL)
		*link = import->next;
	if (import->timer != NULL)
		loop_remove(import->timer);
	fd_cleanup(&import->file.fd);
	fd_cleanup(&import->scratch);
	fd_cleanup(&import->pipe);
	free(import);
}

static void import_fail(struct import *import, const struct error *why)
{
	for (uint32_t i = 0; i < import->bundle.content.layer_count; i++) {
		struct error err = ERROR_INIT;
		if (import->made[i] && layer_delete(import->loop, import->bundle.content.layers[i], &err) == -1)
			log_warning("a layer of an image that was not imported stays: %s", err.message);
	}
	import->cb(NULL, why, import->data);
	import_free(import);
}

static void import_finish(struct import *import)
{
	import->cb(&import->bundle.content, NULL, import->data);
	import_free(import);
}

static void layer_done(const struct result_message *result, void *data)
{
	struct import *import = data;
	struct image_content_message *content = &import->bundle.content;
	struct error err = ERROR_INIT;

	if (result->code == 0) {
		content->bytes += result->bytes;
		content->entries += result->entries;
		import->at++;
		layer_next(import);
		return;
	}
	import->made[import->at] = false;
	error_set(&err, (int)result->code, "%s", result->message);
	memcpy(err.field, result->field, sizeof err.field);
	if (content->layer_count > 1)
		error_wrap(&err, "layer %u of %u", import->at + 1, content->layer_count);
	import_fail(import, &err);
}

static void layer_again(void *data)
{
	layer_next(data);
}

/* Unpacks the next layer, or ends the import. */
static void layer_next(struct import *import)
{
	const struct image_content_message *content = &import->bundle.content;
	struct error err = ERROR_INIT;
	struct layer_source source = {
		.bytes_max = import->image.bytes_max - content->bytes,
		.entries_max = import->image.entries_max - content->entries,
		.of_image = content->described != 0,
	};

	if (import->at == content->layer_count) {
		import_finish(import);
		return;
	}
	if (content->bytes > import->image.bytes_max || content->entries > import->image.entries_max) {
		error_field(&err, "tar", "the image unpacks to more than %llu bytes or %llu entries",
			    (unsigned long long)import->image.bytes_max, (unsigned long long)import->image.entries_max);
		import_fail(import, &err);
		return;
	}
	memcpy(source.name, content->layers[import->at], sizeof source.name);
	memcpy(source.packed, import->bundle.packed[import->at], sizeof source.packed);
	source.tar = import->bundle.tars[import->at];
	source.tar.fd = import->bundle.unpacked ? import->scratch : import->file.fd;
	import->made[import->at] = !layer_exists(source.name);
	if (layer_import(import->loop, &source, layer_done, import, &err) == 0) {
		if (!import->made[import->at])
			layer_shared(import, source.name);
		return;
	}
	import->made[import->at] = false;
	if (err.code != EAGAIN || loop_set_timer(import->timer, AGAIN_MS, &err) == -1)
		import_fail(import, &err);
}

/* A root file system is one layer that is named by its archive. */
static void root_take(struct import *import)
{
	struct bundle *bundle = &import->bundle;

	*bundle = (struct bundle){ 0 };
	memcpy(bundle->content.digest, import->image.digest, DIGEST_TEXT);
	memcpy(bundle->content.layers[0], import->image.digest, DIGEST_TEXT);
	bundle->content.layer_count = 1;
	bundle->tars[0] = import->file;
}

static void look_end(pid_t pid, int status, void *data)
{
	struct import *import = data;
	static struct finding finding; /* large */

	(void)pid;
	finding = (struct finding){ .err = ERROR_INIT };
	if (fd_read_full(import->pipe, &finding, sizeof finding) != (ssize_t)sizeof finding)
		error_set(&finding.err, EIO, "looking through an archive ended without an answer (status %d)", status);
	if (finding.err.code != 0) {
		import_fail(import, &finding.err);
		return;
	}
	import->bundle = finding.bundle;
	if (finding.bundle.content.layer_count == 0)
		root_take(import);
	layer_next(import);
}

/* In the cage. */
static int look_work(void *result, void *data, struct error *err)
{
	const struct import *import = data;
	struct slice file = { .fd = CAGE_FD_INPUT, .size = import->file.size };

	return bundle_read(&file, CAGE_FD_SECOND, import->image.bytes_max, result, err);
}

static void look_child(struct import *import, int pipe)
{
	static struct finding finding; /* large */
	const struct cage cage = {
		.input = import->file.fd, .second = import->scratch, .confine = unpack_confine, .work = look_work, .data = import,
	};

	finding.err = (struct error)ERROR_INIT;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* an import without an engine would answer nobody */
	/* What a stranger's archive makes it take is not spared when memory runs out. */
	if (file_poke("/proc/self/oom_score_adj", "500", &finding.err) == 0 && bundle_prepare(&finding.err) == 0)
		(void)cage_run(&cage, &finding.bundle, sizeof finding.bundle, &finding.err);
	_exit(fd_write_full(pipe, &finding, sizeof finding) == -1);
}

static int look_start(struct import *import, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) == -1)
		return error_errno(err, "cannot make a pipe");
	import->pipe = ends[0];
	pid_t pid = fork();
	if (pid == 0)
		look_child(import, ends[1]);
	close(ends[1]);
	if (pid == -1)
		return error_errno(err, "cannot start an import");
	if (loop_add_child(import->loop, pid, look_end, import, err) != NULL)
		return 0;
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return -1;
}

int import_begin(struct loop *loop, const struct image_message *image, int fd, import_done_cb *cb, void *data,
		 struct error *err)
{
	unsigned count = 0;
	struct stat st;

	for (const struct import *import = imports; import != NULL; import = import->next)
		count++;
	if (count >= IMPORTS_MAX)
		return error_set(err, EAGAIN, "other images are being unpacked");
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return error_set(err, EBADF, "an import comes with the descriptor of a regular file");
	struct import *import = calloc(1, sizeof *import);
	if (import == NULL)
		return error_set(err, ENOMEM, "no memory for an import");
	*import = (struct import){
		.loop = loop, .image = *image, .pipe = -1, .cb = cb, .data = data,
		.file = { .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0), .size = (uint64_t)st.st_size },
		.scratch = open(ENGINE_LAYERS, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600),
	};
	if (import->file.fd == -1 || import->scratch == -1)
		error_errno(err, "cannot prepare an import");
	else
		import->timer = loop_add_timer(loop, -1, layer_again, import, err);
	if (import->timer == NULL || look_start(import, err) == -1) {
		import_free(import);
		return -1;
	}
	import->next = imports;
	imports = import;
	return 0;
}
