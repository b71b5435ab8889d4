/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/copy.c daemon/engine/clone.c daemon/engine/compact.c daemon/engine/content.c daemon/engine/digest.c daemon/engine/lead.c
// link: daemon/engine/plan.c daemon/engine/names.c daemon/engine/idmap.c -lcrypto
// link: -Wl,--wrap=linkat -Wl,--wrap=renameat -Wl,--wrap=renameat2 -Wl,--wrap=syncfs -Wl,--wrap=fsync -Wl,--wrap=mkdirat -Wl,--wrap=mknodat
// link: -Wl,--wrap=symlinkat -Wl,--wrap=fchownat -Wl,--wrap=fchmodat -Wl,--wrap=lsetxattr -Wl,--wrap=utimensat -Wl,--wrap=unlinkat -Wl,--wrap=ftruncate
#include "tests/unit/fault.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon/engine/content.h"
#include "daemon/engine/copy.h"
#include "daemon/engine/quota.h"
#include "daemon/lib/fd.h"

#define FROM "aaaaaaaaaaaaaaaaaaaaaaaa"
#define TO "bbbbbbbbbbbbbbbbbbbbbbbb"
#define STORE "eeeeeeeeeeeeeeeeeeeeeeee"

enum { OWNER = 2000000 };

static char top[PATH_MAX], containers[PATH_MAX + 16], content[PATH_MAX + 16];
static struct clone_sum sum;
static struct error err;

WRAP(int, linkat, (int a, const char *b, int c, const char *d, int e), (a, b, c, d, e))
WRAP(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
WRAP(int, renameat2, (int a, const char *b, int c, const char *d, unsigned int e), (a, b, c, d, e))
WRAP(int, syncfs, (int a), (a))
WRAP(int, fsync, (int a), (a))
WRAP(int, mkdirat, (int a, const char *b, mode_t c), (a, b, c))
WRAP(int, mknodat, (int a, const char *b, mode_t c, dev_t d), (a, b, c, d))
WRAP(int, symlinkat, (const char *a, int b, const char *c), (a, b, c))
WRAP(int, fchownat, (int a, const char *b, uid_t c, gid_t d, int e), (a, b, c, d, e))
WRAP(int, fchmodat, (int a, const char *b, mode_t c, int d), (a, b, c, d))
WRAP(int, lsetxattr, (const char *a, const char *b, const void *c, size_t d, int e), (a, b, c, d, e))
WRAP(int, utimensat, (int a, const char *b, const struct timespec *c, int d), (a, b, c, d))
WRAP(int, unlinkat, (int a, const char *b, int c), (a, b, c))
WRAP(int, ftruncate, (int a, off_t b), (a, b))

/* Project quotas are XFS's; the machine's tests see them. */
int quota_set(int fd, uint32_t project, uint64_t bytes, struct error *e)
{
	(void)fd;
	(void)project;
	(void)bytes;
	(void)e;
	return 0;
}

static const char *path_of(const char *id, const char *name)
{
	static char paths[4][PATH_MAX + 64];
	static int turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s/%s", containers, id, name);
	return path;
}

static void put(const char *id, const char *name, const char *text)
{
	assert_ok(file_write(path_of(id, name), text, strlen(text), 0640, &err), &err);
	assert_int_equal(chown(path_of(id, name), OWNER + 5, OWNER + 6), 0);
}

static bool holds(const char *id, const char *name, const char *text)
{
	cleanup_free char *got = NULL;
	struct error ignored = ERROR_INIT;

	return file_read(path_of(id, name), 1 << 20, &got, NULL, &ignored) == 0 && strcmp(got, text) == 0;
}

static void folder(const char *id, const char *name, mode_t mode)
{
	assert_int_equal(mkdir(path_of(id, name), 0700), 0);
	assert_int_equal(chown(path_of(id, name), OWNER, OWNER), 0);
	assert_int_equal(chmod(path_of(id, name), mode), 0);
}

static int bench_open(void **state)
{
	(void)state;
	fault = 0;
	err = (struct error)ERROR_INIT;
	unit_folder_make(top);
	snprintf(containers, sizeof containers, "%s/containers", top);
	snprintf(content, sizeof content, "%s/content", top);
	assert_int_equal(mkdir(containers, 0700), 0);
	folder(FROM, "", 0700);
	folder(FROM, "work", 0700);
	folder(FROM, "upper", 0755);
	folder(FROM, "upper/etc", 0750);
	put(FROM, "upper/etc/file", "written");
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	unit_folder_remove(top);
	return 0;
}

static struct copy_request request_make(bool replace)
{
	struct copy_request request = {
		.containers = containers, .content = content, .from = FROM, .to = TO, .from_base = OWNER, .to_base = OWNER,
		.project = 1, .replace = replace,
	};

	return request;
}

static int copy(bool replace)
{
	struct copy_request request = request_make(replace);

	err = (struct error)ERROR_INIT;
	return copy_run(&request, &sum, &err);
}

/* What an engine's start and its child's end do: names that begin with a dot go. */
static void sweep(void)
{
	unit_folder_remove(path_of(COPY_STAGE TO, ""));
}

static void a_copy_is_like_its_original(void **state)
{
	const struct timespec old[2] = { { 1000000000, 5 }, { 1100000000, 7 } };
	struct stat st, other;
	char target[64] = "", value[64] = "";

	(void)state;
	assert_int_equal(symlink("/etc/passwd", path_of(FROM, "upper/link")), 0);
	assert_int_equal(lchown(path_of(FROM, "upper/link"), OWNER + 1, OWNER + 1), 0);
	assert_int_equal(link(path_of(FROM, "upper/etc/file"), path_of(FROM, "upper/second")), 0);
	assert_int_equal(mknod(path_of(FROM, "upper/gone"), S_IFCHR, 0), 0); /* a whiteout, which is overlayfs's own */
	assert_int_equal(mkfifo(path_of(FROM, "upper/pipe"), 0600), 0);
	assert_int_equal(chown(path_of(FROM, "upper/pipe"), OWNER, OWNER), 0);
	assert_int_equal(setxattr(path_of(FROM, "upper/etc"), "trusted.overlay.opaque", "y", 1, 0), 0);
	assert_int_equal(setxattr(path_of(FROM, "upper/etc"), "trusted.overlay.impure", "y", 1, 0), 0);
	assert_int_equal(setxattr(path_of(FROM, "upper/etc/file"), "trusted.overlay.origin", "x", 1, 0), 0);
	assert_int_equal(setxattr(path_of(FROM, "upper/etc/file"), "user.note", "mine", 4, 0), 0);
	assert_int_equal(chmod(path_of(FROM, "upper/etc/file"), 04711), 0);
	assert_int_equal(utimensat(AT_FDCWD, path_of(FROM, "upper/etc/file"), old, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, path_of(FROM, "upper/etc"), old, 0), 0);
	assert_ok(copy(false), &err);
	assert_int_equal(sum.entries, 6);
	assert_true(holds(TO, "upper/etc/file", "written"));
	assert_int_equal(stat(path_of(TO, "upper/etc/file"), &st), 0);
	assert_int_equal(st.st_uid, OWNER + 5);
	assert_int_equal(st.st_gid, OWNER + 6);
	assert_int_equal(st.st_mode & 07777, 04711);
	assert_int_equal(st.st_mtim.tv_sec, 1100000000);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(stat(path_of(TO, "upper/second"), &other), 0);
	assert_int_equal(st.st_ino, other.st_ino);
	assert_int_equal(stat(path_of(TO, "upper/etc"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_mtim.tv_sec, 1100000000);
	assert_int_equal(readlink(path_of(TO, "upper/link"), target, sizeof target - 1), 11);
	assert_string_equal(target, "/etc/passwd");
	assert_int_equal(lstat(path_of(TO, "upper/link"), &st), 0);
	assert_int_equal(st.st_uid, OWNER + 1);
	assert_int_equal(lstat(path_of(TO, "upper/gone"), &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	assert_int_equal(lstat(path_of(TO, "upper/pipe"), &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(getxattr(path_of(TO, "upper/etc"), "trusted.overlay.opaque", value, sizeof value), 1);
	assert_int_equal(getxattr(path_of(TO, "upper/etc"), "trusted.overlay.impure", value, sizeof value), -1);
	assert_int_equal(getxattr(path_of(TO, "upper/etc/file"), "trusted.overlay.origin", value, sizeof value), -1);
	assert_int_equal(getxattr(path_of(TO, "upper/etc/file"), "user.note", value, sizeof value), 4);
	assert_int_equal(access(path_of(TO, "names"), F_OK), -1);
	assert_int_equal(access(path_of(TO, "work"), F_OK), -1);
}

static void holes_stay_holes(void **state)
{
	struct stat st;

	(void)state;
	put(FROM, "upper/sparse", "head");
	assert_int_equal(truncate(path_of(FROM, "upper/sparse"), 64 << 20), 0);
	assert_ok(copy(false), &err);
	assert_int_equal(stat(path_of(TO, "upper/sparse"), &st), 0);
	assert_int_equal(st.st_size, 64 << 20);
	assert_true(st.st_blocks * 512 < 1 << 20);
}

static void a_copy_and_its_original_go_their_own_ways(void **state)
{
	(void)state;
	assert_ok(copy(false), &err);
	put(FROM, "upper/etc/file", "changed");
	assert_true(holds(TO, "upper/etc/file", "written"));
	assert_ok(copy(false), &err); /* it is there: asked twice it is made once */
	assert_true(holds(TO, "upper/etc/file", "written"));
}

static void what_was_written_is_replaced_as_a_whole(void **state)
{
	(void)state;
	folder(TO, "", 0700);
	assert_ok(copy(true), &err); /* it never ran */
	assert_true(holds(TO, "upper/etc/file", "written"));
	sweep();
	put(TO, "upper/etc/later", "later");
	put(FROM, "upper/etc/file", "changed");
	assert_ok(copy(true), &err);
	assert_true(holds(TO, "upper/etc/file", "changed"));
	assert_int_equal(access(path_of(TO, "upper/etc/later"), F_OK), -1);
}

static void nothing_written_is_a_copy_too(void **state)
{
	struct stat st;

	(void)state;
	unit_folder_remove(path_of(FROM, ""));
	assert_ok(copy(false), &err);
	assert_int_equal(stat(path_of(TO, "upper"), &st), 0);
	assert_int_equal(st.st_uid, OWNER);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void shared_content_has_one_user_more(void **state)
{
	struct stat st;
	char hash[DIGEST_TEXT], path[PATH_MAX + 256];

	(void)state;
	memset(hash, 'a', sizeof hash - 1);
	hash[sizeof hash - 1] = '\0';
	cleanup_fd int lock = content_lock(content, &err);
	cleanup_fd int store = content_open(content, STORE, &err);
	cleanup_fd int refs = content_refs_open(content, FROM, STORE, &err);
	assert_true(lock != -1 && store != -1 && refs != -1);
	fd_cleanup(&lock);
	int made = openat(store, hash, O_WRONLY | O_CREAT | O_CLOEXEC, 0400);
	assert_int_not_equal(made, -1);
	close(made);
	assert_ok(content_refer(store, refs, hash, &err), &err);
	assert_int_equal(setxattr(path_of(FROM, "upper/etc/file"), "trusted.overlay.metacopy", "", 0, 0), 0);
	assert_ok(copy(false), &err);
	assert_int_equal(getxattr(path_of(TO, "upper/etc/file"), "trusted.overlay.metacopy", path, sizeof path), 0);
	assert_int_equal(fstatat(store, hash, &st, 0), 0);
	assert_int_equal(st.st_nlink, 3);
	assert_true(content_used(content, TO));
	assert_ok(content_release(content, FROM, &err), &err);
	assert_int_equal(fstatat(store, hash, &st, 0), 0);
}

static void what_no_container_can_make_is_refused(void **state)
{
	char path[PATH_MAX] = "upper";

	(void)state;
	assert_int_equal(mknod(path_of(FROM, "upper/disk"), S_IFBLK | 0600, makedev(8, 0)), 0);
	assert_int_equal(copy(false), -1);
	assert_int_equal(err.code, ENOTSUP);
	assert_int_equal(access(path_of(TO, ""), F_OK), -1);
	assert_int_equal(unlink(path_of(FROM, "upper/disk")), 0);
	unit_folder_remove(path_of(COPY_STAGE TO, ""));
	/* As deep as may be, then one more. */
	int fd = open(path_of(FROM, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int depth = 0; depth <= CLONE_DEPTH_MAX; depth++) {
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		int below = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = below;
		if (depth + 1 == CLONE_DEPTH_MAX) {
			assert_ok(copy(false), &err);
			unit_folder_remove(path_of(TO, ""));
		}
	}
	close(fd);
	assert_int_equal(copy(false), -1);
	assert_int_equal(err.code, ENOTSUP);
}

static int killed(bool replace, int at)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fault = at;
		_exit(copy(replace) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static unsigned there(void)
{
	DIR *dir = opendir(containers);
	unsigned count = 0;

	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;
}

static void killed_anywhere_it_is_whole_or_not_there(void **state)
{
	int points = 0, code;

	(void)state;
	assert_int_equal(symlink("x", path_of(FROM, "upper/link")), 0);
	assert_int_equal(link(path_of(FROM, "upper/etc/file"), path_of(FROM, "upper/second")), 0);
	assert_int_equal(mknod(path_of(FROM, "upper/gone"), S_IFCHR, 0), 0);
	assert_int_equal(setxattr(path_of(FROM, "upper/etc"), "trusted.overlay.opaque", "y", 1, 0), 0);
	do {
		code = killed(false, ++points);
		assert_true(code == 0 || code == 9);
		bool whole = access(path_of(TO, ""), F_OK) == 0;
		if (whole) {
			assert_true(holds(TO, "upper/etc/file", "written") && holds(TO, "upper/second", "written"));
			assert_int_equal(access(path_of(TO, "names"), F_OK), -1);
		}
		sweep();
		assert_int_equal(there(), 1 + whole);
		assert_true(holds(FROM, "upper/etc/file", "written"));
		assert_ok(copy(false), &err);
		assert_true(holds(TO, "upper/etc/file", "written"));
		unit_folder_remove(path_of(TO, ""));
	} while (code != 0);
	assert_in_range(points, 20, 100);
}

static void killed_anywhere_it_is_the_old_or_the_new(void **state)
{
	int points = 0, code;

	(void)state;
	folder(TO, "", 0700);
	folder(TO, "upper", 0755);
	do {
		put(TO, "upper/old", "old");
		code = killed(true, ++points);
		assert_true(code == 0 || code == 9);
		bool old = holds(TO, "upper/old", "old"), new = holds(TO, "upper/etc/file", "written");
		assert_int_equal(old + new, 1);
		assert_true(new || code == 9);
		sweep();
		assert_int_equal(there(), 2);
		if (new) {
			unit_folder_remove(path_of(TO, "upper"));
			folder(TO, "upper", 0755);
		}
	} while (code != 0);
	assert_in_range(points, 10, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_copy_is_like_its_original),
		TEST(holes_stay_holes),
		TEST(a_copy_and_its_original_go_their_own_ways),
		TEST(what_was_written_is_replaced_as_a_whole),
		TEST(nothing_written_is_a_copy_too),
		TEST(shared_content_has_one_user_more),
		TEST(what_no_container_can_make_is_refused),
		TEST(killed_anywhere_it_is_whole_or_not_there),
		TEST(killed_anywhere_it_is_the_old_or_the_new),
	};
	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
