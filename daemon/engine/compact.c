/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/compact.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/engine/content.h"
#include "daemon/engine/digest.h"
#include "daemon/engine/lead.h"
#include "daemon/engine/names.h"
#include "daemon/engine/plan.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

#define FRESH "compact" /* beside upper: inodes that have no name yet */

struct work {
	const struct compact_request *request;
	struct compact_result result;
	struct plan plan;
	int store;
	/* of the container at hand */
	uint32_t number;
	const char *id;
	bool told;         /* of its first file that could not be shared */
	struct names used; /* data that its files lead to */
	bool whole;        /* all of it was seen */
	char path[PATH_MAX];
};

static bool late(struct work *work)
{
	if (clock_ms() < work->request->deadline_ms)
		return false;
	work->result.complete = false;
	return true;
}

int compact_hold(const char *folder, struct error *err)
{
	cleanup_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return error_errno(err, "cannot open %s", folder);
	while (flock(fd, LOCK_EX) == -1)
		if (errno != EINTR)
			return error_errno(err, "cannot lock %s", folder);
	return fd_steal(&fd);
}

/* Its start waits at the lock with the message there; so this is asked before each file. */
static bool wanted(const struct work *work)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s/message", work->request->run, work->id);
	return access(path, F_OK) == 0 || errno != ENOENT;
}

/* The folder of a stopped container, held; -1: it is left alone. */
static int container_take(struct work *work, const char *id)
{
	char path[PATH_MAX];

	work->id = id;
	work->told = false;
	snprintf(path, sizeof path, "%s/%s", work->request->containers, id);
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1 || wanted(work))
		return -1;
	return fd_steal(&fd);
}

/* No link is followed, no mount entered. */
static int beneath(int folder, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

/* True if the file has data of its own. What it leads to instead is noted. */
static bool own_data(struct work *work, int folder, const char *name)
{
	struct error err = ERROR_INIT;
	char hash[DIGEST_TEXT];

	switch (lead_read(folder, name, hash)) {
	case LEAD_NONE:
		return true;
	case LEAD_CONTENT:
		work->whole = work->whole && names_add(&work->used, hash, &err) == 0;
		return false;
	case LEAD_OTHER:
		return false;
	case LEAD_UNKNOWN:
		break;
	}
	work->whole = false;
	return false;
}

/* path is the file's, at the end of work->path. */
static void file_see(struct work *work, int folder, const char *name)
{
	struct error err = ERROR_INIT;
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		work->whole = false;
	else if (S_ISDIR(st.st_mode))
		work->whole = false; /* of a file system that does not tell in its listing */
	else if (S_ISREG(st.st_mode) && st.st_size > 0 && own_data(work, folder, name) && st.st_size >= COMPACT_SIZE_MIN) {
		if (st.st_nlink != 1 || st.st_blocks * 512 < st.st_size || st.st_size > COMPACT_SIZE_MAX)
			work->result.files_skipped++;
		else if (plan_add(&work->plan, work->number, work->path, (uint64_t)st.st_size, &err) == -1)
			work->result.complete = false;
	}
}

static void folder_see(struct work *work, int fd, size_t length, int depth)
{
	DIR *dir = fdopendir(fd);

	if (dir == NULL) {
		work->whole = false;
		close(fd);
		return;
	}
	for (struct dirent *entry; !late(work) && (entry = readdir(dir)) != NULL;) {
		if (wanted(work)) {
			work->whole = false;
			break;
		}
		size_t size = strlen(entry->d_name);
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (length + size + 2 > sizeof work->path || depth == COMPACT_DEPTH_MAX) {
			work->whole = false;
			continue;
		}
		memcpy(work->path + length, entry->d_name, size + 1);
		if (entry->d_type == DT_DIR) {
			int below = beneath(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY);
			work->path[length + size] = '/';
			if (below == -1)
				work->whole = false;
			else
				folder_see(work, below, length + size + 1, depth + 1);
		} else {
			file_see(work, dirfd(dir), entry->d_name);
		}
	}
	closedir(dir);
}

static bool used(const char hash[DIGEST_TEXT], void *data)
{
	return names_has(data, hash);
}

/* The folder of inodes without a name, and what an interrupted run left in it. */
static void fresh_remove(int folder)
{
	int fd = openat(folder, FRESH, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);

	if (dir == NULL) {
		fd_cleanup(&fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	(void)unlinkat(folder, FRESH, AT_REMOVEDIR);
}

static int fresh_open(int folder, struct error *err)
{
	fresh_remove(folder);
	if (mkdirat(folder, FRESH, 0700) == -1)
		return error_errno(err, "cannot make a folder for new inodes");
	int fd = openat(folder, FRESH, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd == -1 ? error_errno(err, "cannot open a folder for new inodes") : fd;
}

static void container_see(struct work *work, const char *id)
{
	struct error err = ERROR_INIT;
	bool missing;

	cleanup_fd int folder = container_take(work, id);
	cleanup_fd int upper = folder == -1 ? -1 : openat(folder, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (upper == -1 || !lead_covered(upper, &missing)) {
		work->result.containers_skipped++;
		return;
	}
	work->result.containers++;
	if (!work->request->dry_run)
		fresh_remove(folder);
	work->whole = true;
	names_clear(&work->used);
	folder_see(work, fd_steal(&upper), 0, 0);
	if (!work->request->dry_run && work->whole && !late(work) &&
	    content_prune(work->request->content, id, used, &work->used, &err) == -1)
		log_warning("container %s: %s", id, err.message);
}

/* Of the upper that path lies in; no lock is needed to read. */
static int file_open(const struct work *work, const struct plan_file *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s/upper", work->request->containers, work->request->ids[file->container]);
	cleanup_fd int upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return upper == -1 ? -1 : beneath(upper, file->path, O_RDONLY | O_NOATIME | O_NONBLOCK);
}

static void candidates_hash(struct work *work)
{
	for (size_t i = 0; i < work->plan.file_count && !late(work); i++) {
		struct plan_file *file = &work->plan.files[i];
		struct error err = ERROR_INIT;
		if (!file->candidate)
			continue;
		cleanup_fd int fd = file_open(work, file);
		if (fd == -1 || digest_file(fd, file->hash, &err) == -1)
			file->hash[0] = '\0';
	}
}

/* One file that is to be replaced: ready on disk, but for the rename. */
struct step {
	struct plan_file *file;
	struct timespec changed;
	ino_t inode;
	unsigned name;
};

/* Data, reference, and the inode that will take the file's place. 1: made, 0: the file is left alone. */
static int step_make(struct work *work, int upper, int refs, int fresh, struct step *step)
{
	const struct plan_file *file = step->file;
	struct error err = ERROR_INIT;
	char name[16];
	struct stat st;

	cleanup_fd int fd = beneath(upper, file->path, O_RDONLY | O_NOATIME | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    (uint64_t)st.st_size != file->size || lead_loses(fd))
		return 0;
	int result = content_add(work->store, fd, file->hash, &err);
	if (result == 0)
		result = content_same(work->store, fd, file->hash, &err) == 1 ? 0 : -1;
	snprintf(name, sizeof name, "%u", step->name);
	if (result == 0 && (content_refer(work->store, refs, file->hash, &err) == -1 ||
			    lead_make(fd, &st, fresh, name, file->hash, &err) == -1)) {
		(void)unlinkat(fresh, name, 0);
		result = -1;
	}
	if (result == -1) {
		if (err.code != 0 && !work->told)
			log_warning("container %s: a file, and perhaps more, is not shared: %s", work->id, err.message);
		work->told = work->told || err.code != 0;
		return 0;
	}
	step->changed = st.st_ctim;
	step->inode = st.st_ino;
	return 1;
}

/* The rename, if the file is still the one that was looked at. */
static bool step_take(int upper, int fresh, const struct step *step)
{
	char folder[PATH_MAX], from[16];
	const char *slash = strrchr(step->file->path, '/'), *name = slash == NULL ? step->file->path : slash + 1;
	struct stat st;

	snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - step->file->path),
		 slash == NULL ? "." : step->file->path);
	snprintf(from, sizeof from, "%u", step->name);
	cleanup_fd int parent = beneath(upper, folder, O_RDONLY | O_DIRECTORY);
	return parent != -1 && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == step->inode &&
	       st.st_ctim.tv_sec == step->changed.tv_sec && st.st_ctim.tv_nsec == step->changed.tv_nsec &&
	       renameat(fresh, from, parent, name) == 0;
}

/* Files from first on, count of them, are of one container, and some of them to be shared. */
static void container_share(struct work *work, struct plan_file *first, size_t count)
{
	const char *id = work->request->ids[first->container];
	struct error err = ERROR_INIT;
	cleanup_free struct step *steps = calloc(count, sizeof *steps);
	unsigned ready = 0;

	cleanup_fd int folder = container_take(work, id);
	cleanup_fd int upper = folder == -1 ? -1 : openat(folder, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (steps == NULL || upper == -1) {
		work->result.containers_skipped++; /* started, or deleted, since it was looked at */
		work->result.containers--;
		return;
	}
	cleanup_fd int refs = content_refs_open(work->request->content, id, work->request->store, &err);
	cleanup_fd int fresh = refs == -1 ? -1 : fresh_open(folder, &err);
	if (fresh == -1 || lead_cover(upper, &err) == -1) {
		log_warning("files of container %s are not shared: %s", id, err.message);
		return;
	}
	for (size_t i = 0; i < count && !late(work) && !wanted(work); i++) {
		if (!first[i].share)
			continue;
		steps[ready] = (struct step){ .file = &first[i], .name = ready };
		if (step_make(work, upper, refs, fresh, &steps[ready]) == 1)
			ready++;
		else
			work->result.files_skipped++;
	}
	/* Data, references, whiteout and inodes, before the first name changes. */
	if (ready > 0 && syncfs(folder) == -1) {
		log_warning("files of container %s are not shared: %s", id, strerror(errno));
		ready = 0;
	}
	for (unsigned i = 0; i < ready && !wanted(work); i++) {
		if (!step_take(upper, fresh, &steps[i]))
			continue;
		work->result.files++;
		work->result.bytes += steps[i].file->size;
	}
	fresh_remove(folder);
}

static void share(struct work *work)
{
	struct plan *plan = &work->plan;

	for (size_t i = 0, end; i < plan->file_count; i = end) {
		bool any = false;
		for (end = i; end < plan->file_count && plan->files[end].container == plan->files[i].container; end++)
			any = any || plan->files[end].share;
		if (any && !late(work))
			container_share(work, &plan->files[i], end - i);
	}
}

struct stored {
	struct plan *plan;
	struct error *err;
	int result;
};

static void data_add(const char hash[DIGEST_TEXT], uint64_t size, void *data)
{
	struct stored *stored = data;

	if (stored->result == 0)
		stored->result = plan_add_data(stored->plan, hash, size, stored->err);
}

static int data_load(struct work *work, struct error *err)
{
	struct stored stored = { .plan = &work->plan, .err = err };

	if (!work->request->dry_run && content_sweep(work->store, err) == -1)
		return -1;
	return content_each(work->store, data_add, &stored, err) == -1 ? -1 : stored.result;
}

int compact_run(const struct compact_request *request, struct compact_result *ret_result, struct error *err)
{
	struct work work = { .request = request, .result = { .complete = true } };
	struct plan_sum sum;

	cleanup_fd int lock = content_lock(request->content, err);
	cleanup_fd int store = lock == -1 ? -1 : content_open(request->content, request->store, err);
	if (store == -1 || (!request->dry_run && content_collect(request->content, request->containers, err) == -1))
		return -1;
	work.store = store;
	for (size_t i = 0; i < request->count && !late(&work); i++) {
		work.number = (uint32_t)i;
		container_see(&work, request->ids[i]);
	}
	names_clear(&work.used);
	int result = data_load(&work, err);
	if (result == 0) {
		plan_pair(&work.plan);
		candidates_hash(&work);
		plan_share(&work.plan, &sum);
		work.result.saved = sum.saved;
		if (request->dry_run) {
			work.result.files = sum.files;
			work.result.bytes = sum.bytes;
		} else {
			share(&work);
			/* Of what was left alone after all, nothing is saved. */
			uint64_t missed = sum.bytes - work.result.bytes;
			work.result.saved -= work.result.saved < missed ? work.result.saved : missed;
		}
	}
	plan_clear(&work.plan);
	*ret_result = work.result;
	return result;
}
