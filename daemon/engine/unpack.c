/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/engine/whiteout.h"
#include "daemon/lib/error.h"

enum {
	UNPACK_MEMORY = 512 * 1024 * 1024, /* xz and zstd dictionaries fit; a bomb does not */
	UNPACK_CPU = 1800, /* seconds; api waits no longer */
	UNPACK_PATH_MAX = 4000,
	UNPACK_DEPTH_MAX = 256,
};

/* The one that unpack_prepare() has made ready, and what went wrong in libarchive's callback. */
static struct stream *stream;
static struct error stream_error;

int unpack_prepare(struct error *err)
{
	stream_free(stream);
	stream = stream_new(STREAM_HASH_BOTH, err);
	return stream == NULL ? -1 : 0;
}

int unpack_confine(struct error *err)
{
	static const int allowed[] = {
		SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(pwrite64), SCMP_SYS(writev),
		SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(creat),
		SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
		SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
		SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir),
		SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(symlink),
		SCMP_SYS(symlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(chmod),
		SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(fchmodat2), SCMP_SYS(chown), SCMP_SYS(lchown),
		SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(utimensat), SCMP_SYS(futimesat), SCMP_SYS(utimes),
		SCMP_SYS(ftruncate), SCMP_SYS(truncate), SCMP_SYS(fallocate), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr),
		SCMP_SYS(fsetxattr), SCMP_SYS(getdents64), SCMP_SYS(chdir), SCMP_SYS(fchdir), SCMP_SYS(getcwd),
		SCMP_SYS(umask), SCMP_SYS(dup), SCMP_SYS(fcntl), SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap),
		SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom),
		SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid),
		SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrlimit),
		SCMP_SYS(prlimit64), SCMP_SYS(sysinfo), SCMP_SYS(sched_getaffinity), SCMP_SYS(rt_sigaction),
		SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit),
		SCMP_SYS(exit_group), SCMP_SYS(sendmsg), /* on the one socket that a cage has */
	};
	struct rlimit memory = { UNPACK_MEMORY, UNPACK_MEMORY }, none = { 0, 0 }, time = { UNPACK_CPU, UNPACK_CPU };

	if (setrlimit(RLIMIT_AS, &memory) == -1 || setrlimit(RLIMIT_CORE, &none) == -1 ||
	    setrlimit(RLIMIT_NPROC, &none) == -1 || setrlimit(RLIMIT_CPU, &time) == -1)
		return error_errno(err, "cannot limit the unpacking process");

	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int result = filter == NULL ? -ENOMEM : 0;
	for (size_t i = 0; result == 0 && i < sizeof allowed / sizeof *allowed; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* Of the special files only named pipes and overlayfs's deletions: character device 0/0, which is none. */
	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mknod), 1,
					  SCMP_A1(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO));
	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mknodat), 1,
					  SCMP_A2(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO));
	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mknodat), 2,
					  SCMP_A2(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFCHR), SCMP_A3(SCMP_CMP_EQ, 0));
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	if (result != 0)
		return error_set(err, -result, "cannot confine the unpacking process: %s", strerror(-result));
	return 0;
}

static la_ssize_t tar_feed(struct archive *reader, void *data, const void **ret_block)
{
	(void)data;
	ssize_t n = stream_read(stream, ret_block, &stream_error);
	if (n == -1)
		archive_set_error(reader, stream_error.code, "%s", stream_error.message);
	return n;
}

/* The archive's fault, or that of the file it is read from. */
static int tar_fail(struct archive *reader, const char *what, struct error *err)
{
	if (stream_error.code != 0) {
		*err = stream_error;
		return -1;
	}
	return error_field(err, "tar", "%s: %s", what, archive_error_string(reader));
}

static int entry_refuse(struct error *err, const char *path, const char *why)
{
	return error_field(err, "tar", "entry '%.160s': %s", path, why);
}

static bool path_climbs(const char *path)
{
	while (*path != '\0') {
		size_t length = strcspn(path, "/");
		if (length == 2 && path[0] == '.' && path[1] == '.')
			return true;
		path += length;
		path += strspn(path, "/");
	}
	return false;
}

static bool path_deep(const char *path)
{
	unsigned depth = 0;

	for (; *path != '\0'; path += strcspn(path, "/"), path += strspn(path, "/"))
		depth++;
	return depth > UNPACK_DEPTH_MAX;
}

/* Counts what takes room on disk. */
static int bytes_add(uint64_t *bytes, uint64_t size, uint64_t bytes_max, struct error *err)
{
	*bytes += size;
	if (*bytes > bytes_max)
		return error_field(err, "tar", "the image unpacks to more than %llu bytes",
				   (unsigned long long)bytes_max);
	return 0;
}

static bool attribute_kept(const char *name)
{
	return name != NULL && (strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0);
}

/* Takes the attributes away that a layer may have and a container does not get. */
static int attributes_thin(struct archive_entry *entry, struct error *err)
{
	struct archive_entry *whole = archive_entry_clone(entry);
	const char *name;
	const void *value;
	size_t size;

	if (whole == NULL)
		return error_set(err, ENOMEM, "no memory for an entry");
	archive_entry_xattr_clear(entry);
	archive_entry_xattr_reset(whole);
	while (archive_entry_xattr_next(whole, &name, &value, &size) == ARCHIVE_OK)
		if (attribute_kept(name))
			archive_entry_xattr_add_entry(entry, name, value, size);
	archive_entry_free(whole);
	return 0;
}

static int attributes_check(struct archive_entry *entry, const char *path, const struct unpack *unpack, uint64_t *bytes,
			    struct error *err)
{
	const char *name;
	const void *value;
	size_t size;

	if (unpack->layer && archive_entry_xattr_count(entry) > 0 && attributes_thin(entry, err) == -1)
		return -1;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!attribute_kept(name))
			return entry_refuse(err, path, "has an extended attribute that is not user.* or "
						       "security.capability");
		if (bytes_add(bytes, strlen(name) + size, unpack->bytes_max, err) == -1)
			return -1;
	}
	return 0;
}

static int path_check(const char *path, struct error *err)
{
	if (path == NULL)
		return error_field(err, "tar", "an entry has no name");
	if (strlen(path) > UNPACK_PATH_MAX)
		return entry_refuse(err, path, "the path is too long");
	if (path[0] == '/')
		return entry_refuse(err, path, "is an absolute path; make the tar relative to its root");
	if (path_deep(path))
		return entry_refuse(err, path, "is too many folders deep");
	if (path_climbs(path))
		return entry_refuse(err, path, "has '..' in its path");
	return 0;
}

static int entry_check(struct archive_entry *entry, const struct unpack *unpack, uint64_t *bytes, struct error *err)
{
	const char *path = archive_entry_pathname(entry);
	const char *link = archive_entry_hardlink(entry);

	if (link != NULL && (link[0] == '/' || path_climbs(link)))
		return entry_refuse(err, path, "is a hard link to outside of the image");
	if (archive_entry_uid(entry) < 0 || archive_entry_uid(entry) >= ID_RANGE || archive_entry_gid(entry) < 0 ||
	    archive_entry_gid(entry) >= ID_RANGE)
		return entry_refuse(err, path, "has an owner or group outside 0..65535");
	if (link == NULL)
		switch (archive_entry_filetype(entry)) {
		case AE_IFREG:
		case AE_IFDIR:
		case AE_IFLNK:
		case AE_IFIFO:
			break;
		case AE_IFCHR:
		case AE_IFBLK:
			return entry_refuse(err, path, "is a device node; leave /dev out of the image");
		default: /* libarchive's type is an integer, not an enum of ours */
			return entry_refuse(err, path, "is neither file, folder, link nor named pipe");
		}
	return attributes_check(entry, path, unpack, bytes, err);
}

static int content_copy(struct archive *reader, struct archive *writer, const char *path, uint64_t bytes_max,
			uint64_t *bytes, struct error *err)
{
	const void *block;
	size_t size;
	la_int64_t offset;

	for (;;) {
		int got = archive_read_data_block(reader, &block, &size, &offset);
		if (got == ARCHIVE_EOF)
			return 0;
		if (got != ARCHIVE_OK)
			return tar_fail(reader, path, err);
		/* The end of a hole is no byte on disk, and no image of this size either. */
		uint64_t end = (uint64_t)offset + size;
		if (bytes_add(bytes, size, bytes_max, err) == -1 || bytes_add(&end, 0, bytes_max, err) == -1)
			return -1;
		if (archive_write_data_block(writer, block, size, offset) != ARCHIVE_OK) {
			int code = archive_errno(writer);
			return error_set(err, code > 0 ? code : EIO, "cannot write '%.160s': %s", path,
					 archive_error_string(writer));
		}
	}
}

/*
 * Names are UTF-8 in a tar and bytes on disk. Without a locale libarchive cannot
 * convert them; it warns, and keeps the bytes, which is what is wanted.
 */
static bool name_kept(struct archive *reader, int got)
{
	const char *said = archive_error_string(reader);

	return got == ARCHIVE_WARN && said != NULL && strstr(said, "can't be converted from") != NULL;
}

/* True for what a layer has and nobody needs: devices where a container gets its own. */
static bool entry_left_out(struct archive_entry *entry, const char *path)
{
	int type = archive_entry_hardlink(entry) == NULL ? (int)archive_entry_filetype(entry) : 0;

	path += strspn(path, "./");
	return (type == AE_IFCHR || type == AE_IFBLK) && strncmp(path, "dev/", 4) == 0;
}

/* 1: to be written, 0: done with, -1 with err. */
static int entry_sort(struct archive_entry *entry, const struct unpack *unpack, struct whiteouts *whiteouts,
		      struct unpack_result *result, struct error *err)
{
	const char *path = archive_entry_pathname(entry);
	enum whiteout_kind kind = WHITEOUT_NONE;

	if (++result->entries > unpack->entries_max)
		return error_field(err, "tar", "the image has more than %llu entries",
				   (unsigned long long)unpack->entries_max);
	if (path_check(path, err) == -1 || whiteout_kind(path, &kind, err) == -1)
		return -1;
	if (kind != WHITEOUT_NONE && !unpack->layer)
		return entry_refuse(err, path, "is named like a deletion in a layer of an OCI image");
	if (kind == WHITEOUT_MARK)
		return whiteouts_add(whiteouts, path, err);
	if (kind == WHITEOUT_IGNORED || (unpack->layer && entry_left_out(entry, path)))
		return 0;
	return entry_check(entry, unpack, &result->bytes, err) == -1 ? -1 : 1;
}

static int entries_copy(struct archive *reader, struct archive *writer, const struct unpack *unpack,
			struct whiteouts *whiteouts, struct unpack_result *result, struct error *err)
{
	struct archive_entry *entry;

	for (;;) {
		int got = archive_read_next_header(reader, &entry);
		if (got == ARCHIVE_EOF)
			return 0;
		if (got != ARCHIVE_OK && !name_kept(reader, got))
			return tar_fail(reader, "not a readable tar", err);
		int wanted = entry_sort(entry, unpack, whiteouts, result, err);
		if (wanted == -1)
			return -1;
		if (wanted == 0)
			continue;

		const char *path = archive_entry_pathname(entry);
		/* A warning is a part that was not restored: better none than a half image. */
		if (archive_write_header(writer, entry) != ARCHIVE_OK)
			return error_field(err, "tar", "entry '%.160s': %s", path, archive_error_string(writer));
		if (archive_entry_hardlink(entry) == NULL && archive_entry_filetype(entry) == AE_IFREG &&
		    content_copy(reader, writer, path, unpack->bytes_max, &result->bytes, err) == -1)
			return -1;
		if (archive_write_finish_entry(writer) != ARCHIVE_OK)
			return error_field(err, "tar", "entry '%.160s': %s", path, archive_error_string(writer));
	}
}

static int files_make(const struct unpack *unpack, struct unpack_result *result, struct error *err)
{
	struct archive *reader = archive_read_new();
	struct archive *writer = archive_write_disk_new();
	struct whiteouts whiteouts = { 0 };
	int status = -1;

	if (reader == NULL || writer == NULL) {
		error_set(err, ENOMEM, "no memory to unpack");
		goto end;
	}
	archive_read_support_format_tar(reader);
	archive_write_disk_set_options(writer, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
						       ARCHIVE_EXTRACT_XATTR |
						       ARCHIVE_EXTRACT_SECURE_NODOTDOT |
						       ARCHIVE_EXTRACT_SECURE_SYMLINKS |
						       ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
	if (archive_read_open(reader, NULL, NULL, tar_feed, NULL) != ARCHIVE_OK) {
		tar_fail(reader, "not a tar, plain or compressed by gzip, xz or zstd", err);
		goto end;
	}
	if (entries_copy(reader, writer, unpack, &whiteouts, result, err) == -1)
		goto end;
	if (result->entries == 0 && !unpack->layer) {
		error_field(err, "tar", "the tar is empty");
		goto end;
	}
	/* Before the close, which sets the folders' times and modes. */
	if (whiteouts_apply(&whiteouts, unpack->opaque, unpack->data, err) == -1)
		goto end;
	if (archive_write_close(writer) != ARCHIVE_OK) {
		error_field(err, "tar", "cannot finish the image: %s", archive_error_string(writer));
		goto end;
	}
	status = 0;
end:
	whiteouts_free(&whiteouts);
	archive_read_free(reader);
	archive_write_free(writer);
	return status;
}

int unpack_tar(const struct unpack *unpack, struct unpack_result *ret_result, struct error *err)
{
	struct unpack_result result = { 0 };

	stream_error = (struct error)ERROR_INIT;
	int status = stream_open(stream, &unpack->tar, err);
	if (status == 0 && !unpack->check)
		status = files_make(unpack, &result, err);
	/* What stands behind the end of the archive is part of the digests all the same. */
	if (status == 0)
		status = stream_finish(stream, result.digest, result.plain, err);
	stream_free(stream);
	stream = NULL;
	if (status == 0)
		*ret_result = result;
	return status;
}
