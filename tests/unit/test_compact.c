/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/compact.c daemon/engine/content.c daemon/engine/digest.c daemon/engine/lead.c daemon/engine/plan.c daemon/engine/names.c -lcrypto
// link: -Wl,--wrap=linkat -Wl,--wrap=renameat -Wl,--wrap=syncfs -Wl,--wrap=fsync -Wl,--wrap=fsetxattr -Wl,--wrap=mknodat
// link: -Wl,--wrap=unlinkat -Wl,--wrap=ftruncate -Wl,--wrap=mkdirat
#include "tests/unit/fault.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon/engine/compact.h"
#include "daemon/engine/content.h"
#include "daemon/lib/fd.h"

#define REALM "eeeeeeeeeeeeeeeeeeeeeeee"

enum { SIZE = 3 * COMPACT_SIZE_MIN, OWNER = 2000000 };

static const char ids[][ID_TEXT] = { "aaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccccccc" };
static char top[PATH_MAX], containers[PATH_MAX + 16], content[PATH_MAX + 16], run[PATH_MAX + 16];
static struct error err;

WRAP(int, linkat, (int a, const char *b, int c, const char *d, int e), (a, b, c, d, e))
WRAP(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
WRAP(int, syncfs, (int a), (a))
WRAP(int, fsync, (int a), (a))
WRAP(int, fsetxattr, (int a, const char *b, const void *c, size_t d, int e), (a, b, c, d, e))
WRAP(int, mknodat, (int a, const char *b, mode_t c, dev_t d), (a, b, c, d))
WRAP(int, unlinkat, (int a, const char *b, int c), (a, b, c))
WRAP(int, ftruncate, (int a, off_t b), (a, b))
WRAP(int, mkdirat, (int a, const char *b, mode_t c), (a, b, c))

static const char *path_of(unsigned c, const char *name)
{
	static char paths[4][PATH_MAX + 64];
	static int turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s/%s", containers, ids[c], name);
	return path;
}

static void file_make(unsigned c, const char *name, char with, size_t size)
{
	cleanup_fd int fd = open(path_of(c, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *text = malloc(size);

	memset(text, with, size);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fd_write_full(fd, text, size), 0);
	assert_int_equal(fchown(fd, OWNER + c, OWNER + c), 0);
	free(text);
}

static bool is_lead(unsigned c, const char *name)
{
	return getxattr(path_of(c, name), "trusted.overlay.metacopy", NULL, 0) != -1;
}

/* As overlayfs reads it: the file's own data, or what it leads to. */
static bool holds(unsigned c, const char *name, char with, size_t size)
{
	char redirect[128] = "", path[2 * PATH_MAX];
	cleanup_free char *text = NULL;
	size_t got;

	snprintf(path, sizeof path, "%s", path_of(c, name));
	if (is_lead(c, name)) {
		assert_int_not_equal(getxattr(path, "trusted.overlay.redirect", redirect, sizeof redirect - 1), -1);
		snprintf(path, sizeof path, "%s/stores/" REALM "%s", content, redirect);
	}
	if (file_read(path, 1 << 20, &text, &got, &err) == -1 || got != size)
		return false;
	for (size_t i = 0; i < size; i++)
		if (text[i] != with)
			return false;
	struct stat st;
	assert_int_equal(stat(path_of(c, name), &st), 0);
	return (size_t)st.st_size == size && st.st_uid == OWNER + c;
}

static struct compact_result compact(bool dry_run)
{
	const struct compact_request request = {
		.containers = containers, .content = content, .run = run, .store = REALM, .ids = ids, .count = COUNT(ids),
		.dry_run = dry_run, .deadline_ms = INT64_MAX,
	};
	struct compact_result result = { 0 };

	err = (struct error)ERROR_INIT;
	assert_ok(compact_run(&request, &result, &err), &err);
	return result;
}

static unsigned stored(void)
{
	char path[2 * PATH_MAX];
	unsigned count = 0;

	snprintf(path, sizeof path, "ls '%s/stores/" REALM "/" CONTENT_FOLDER "' 2>/dev/null | wc -l", content);
	FILE *pipe = popen(path, "r");
	assert_int_equal(fscanf(pipe, "%u", &count), 1);
	pclose(pipe);
	return count;
}

static int bench_open(void **state)
{
	(void)state;
	unit_folder_make(top);
	snprintf(containers, sizeof containers, "%s/containers", top);
	snprintf(content, sizeof content, "%s/content", top);
	snprintf(run, sizeof run, "%s/run", top);
	for (unsigned c = 0; c < COUNT(ids); c++) {
		assert_ok(folder_make(path_of(c, "upper/usr/lib"), 0755, &err), &err);
		assert_int_equal(chown(path_of(c, "upper"), OWNER + c, OWNER + c), 0);
	}
	/* Not every file system has attributes of this kind. */
	if (setxattr(top, "trusted.overlay.opaque", "n", 1, 0) == -1)
		skip();
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	unit_folder_remove(top);
	return 0;
}

static void equal_files_become_one_and_keep_what_is_theirs(void **state)
{
	const struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	struct stat before, after;

	(void)state;
	for (unsigned c = 0; c < 2; c++) {
		file_make(c, "upper/usr/lib/same", 's', SIZE);
		file_make(c, "upper/usr/lib/other", c == 0 ? 'o' : 'O', SIZE);
	}
	assert_int_equal(chmod(path_of(0, "upper/usr/lib/same"), 04751), 0);
	assert_int_equal(setxattr(path_of(0, "upper/usr/lib/same"), "trusted.kept", "v", 1, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, path_of(0, "upper/usr/lib/same"), times, 0), 0);
	assert_int_equal(stat(path_of(0, "upper/usr/lib/same"), &before), 0);

	struct compact_result result = compact(true);
	assert_int_equal(result.files, 2);
	assert_int_equal(result.bytes, 2 * SIZE);
	assert_int_equal(result.saved, SIZE);
	assert_false(is_lead(0, "upper/usr/lib/same"));
	assert_int_equal(stored(), 0);
	assert_false(content_used(content, ids[0]));

	result = compact(false);
	assert_int_equal(result.files, 2);
	assert_int_equal(result.saved, SIZE);
	assert_int_equal(result.containers, 3);
	assert_true(result.complete);
	assert_true(is_lead(0, "upper/usr/lib/same") && is_lead(1, "upper/usr/lib/same"));
	assert_true(holds(0, "upper/usr/lib/same", 's', SIZE) && holds(1, "upper/usr/lib/same", 's', SIZE));
	assert_true(holds(0, "upper/usr/lib/other", 'o', SIZE) && holds(1, "upper/usr/lib/other", 'O', SIZE));
	assert_int_equal(stored(), 1);
	assert_int_equal(stat(path_of(0, "upper/usr/lib/same"), &after), 0);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_mtim.tv_sec, 2000);
	assert_int_equal(after.st_mtim.tv_nsec, 7);
	assert_int_equal(getxattr(path_of(0, "upper/usr/lib/same"), "trusted.kept", NULL, 0), 1);
	assert_in_range(after.st_blocks, 0, 8); /* attributes may take a block */
	assert_int_equal(lstat(path_of(0, "upper/" CONTENT_FOLDER), &after), 0);
	assert_true(S_ISCHR(after.st_mode) && after.st_rdev == 0);
	assert_true(content_used(content, ids[0]) && !content_used(content, ids[2]));
	assert_int_equal(content_bytes(content, ids[0]), SIZE);
	assert_int_equal(access(path_of(0, "compact"), F_OK), -1);

	/* Again: nothing is left to do. A third one joins in what is stored. */
	assert_int_equal(compact(false).files, 0);
	file_make(2, "upper/late", 's', SIZE);
	result = compact(false);
	assert_int_equal(result.files, 1);
	assert_int_equal(result.saved, SIZE);
	assert_true(holds(2, "upper/late", 's', SIZE));
	assert_int_equal(stored(), 1);
}

static void some_files_are_left_alone(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 2; c++) {
		file_make(c, "upper/small", 'x', COMPACT_SIZE_MIN - 1);
		file_make(c, "upper/linked", 'l', SIZE);
		assert_int_equal(link(path_of(c, "upper/linked"), path_of(c, "upper/link")), 0);
		file_make(c, "upper/holes", 'h', 4096);
		assert_int_equal(truncate(path_of(c, "upper/holes"), 1 << 20), 0);
		file_make(c, "upper/strange", 'm', SIZE);
		assert_int_equal(setxattr(path_of(c, "upper/strange"), "trusted.overlay.protattr", "i", 1, 0), 0);
		assert_int_equal(symlink("linked", path_of(c, "upper/symlink")), 0);
	}
	struct compact_result result = compact(false);
	assert_int_equal(result.files, 0);
	assert_int_equal(result.saved, 0);
	assert_int_equal(result.files_skipped, 8);
	assert_true(holds(0, "upper/strange", 'm', SIZE) && holds(1, "upper/linked", 'l', SIZE));
}

static void a_container_that_runs_is_left_alone(void **state)
{
	char path[2 * PATH_MAX];

	(void)state;
	for (unsigned c = 0; c < COUNT(ids); c++)
		file_make(c, "upper/same", 's', SIZE);
	snprintf(path, sizeof path, "%s/%s/message", run, ids[0]);
	assert_ok(folder_make(path, 0700, &err), &err);
	cleanup_fd int hold = compact_hold(path_of(1, ""), &err);
	struct compact_result result = compact(false);
	assert_int_equal(result.files, 0);
	assert_int_equal(result.containers_skipped, 2);
	assert_int_equal(result.containers, 1);
	fd_cleanup(&hold);
	result = compact(false);
	assert_int_equal(result.files, 2);
	assert_false(is_lead(0, "upper/same"));
}

static void a_folder_that_shows_the_data_bars_its_container(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 2; c++)
		file_make(c, "upper/same", 's', SIZE);
	assert_int_equal(mkdir(path_of(0, "upper/" CONTENT_FOLDER), 0755), 0);
	assert_int_equal(compact(false).containers_skipped, 1);
	assert_false(is_lead(1, "upper/same"));
	/* As overlayfs makes it in place of the whiteout. */
	assert_int_equal(setxattr(path_of(0, "upper/" CONTENT_FOLDER), "trusted.overlay.opaque", "y", 1, 0), 0);
	assert_int_equal(compact(false).files, 2);
}

static void data_goes_with_its_last_user(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 2; c++)
		file_make(c, "upper/same", 's', SIZE);
	assert_int_equal(compact(false).files, 2);
	assert_int_equal(unlink(path_of(0, "upper/same")), 0);
	assert_int_equal(compact(false).files, 0);
	assert_int_equal(stored(), 1);
	assert_int_equal(content_bytes(content, ids[0]), 0);
	assert_true(content_used(content, ids[0])); /* chown(2) may have made inodes without data of its image's files */
	assert_true(holds(1, "upper/same", 's', SIZE));
	/* Its folder has gone, and nobody said so. */
	assert_int_equal(unlink(path_of(1, "upper/same")), 0);
	assert_int_equal(rename(path_of(1, ""), path_of(1, "../gone")), 0);
	compact(false);
	assert_int_equal(stored(), 0);
	assert_false(content_used(content, ids[1]));
}

/* One container alone keeps what two wrote: both paths lead to one data, and it is not gone with one of them. */
static void equal_files_of_one_container_are_shared_too(void **state)
{
	(void)state;
	file_make(0, "upper/one", 's', SIZE);
	file_make(0, "upper/two", 's', SIZE);
	assert_int_equal(compact(false).files, 2);
	assert_int_equal(unlink(path_of(0, "upper/one")), 0);
	compact(false);
	assert_true(holds(0, "upper/two", 's', SIZE));
}

static void killed_anywhere_it_harms_nothing(void **state)
{
	int points = 0, status;

	(void)state;
	for (int at = 1;; at++) {
		for (unsigned c = 0; c < 2; c++) {
			file_make(c, "upper/usr/lib/same", 's', SIZE);
			file_make(c, "upper/more", 'm', SIZE);
			file_make(c, "upper/own", c == 0 ? 'o' : 'p', SIZE);
		}
		pid_t pid = fork();
		if (pid == 0) {
			fault = at;
			compact(false);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		for (unsigned c = 0; c < 2; c++)
			assert_true(holds(c, "upper/usr/lib/same", 's', SIZE) && holds(c, "upper/more", 'm', SIZE) &&
				    holds(c, "upper/own", c == 0 ? 'o' : 'p', SIZE));
		/* The next run finishes it, and leaves nothing that is of no use. */
		compact(false);
		for (unsigned c = 0; c < 2; c++) {
			assert_true(holds(c, "upper/usr/lib/same", 's', SIZE) && holds(c, "upper/more", 'm', SIZE));
			assert_true(is_lead(c, "upper/usr/lib/same") && is_lead(c, "upper/more") && !is_lead(c, "upper/own"));
			assert_int_equal(access(path_of(c, "compact"), F_OK), -1);
		}
		assert_int_equal(stored(), 2);
		for (unsigned c = 0; c < 2; c++) {
			assert_int_equal(unlink(path_of(c, "upper/usr/lib/same")), 0);
			assert_int_equal(unlink(path_of(c, "upper/more")), 0);
			assert_int_equal(unlink(path_of(c, "upper/" CONTENT_FOLDER)), 0);
		}
		compact(false);
		assert_int_equal(stored(), 0);
		if (WEXITSTATUS(status) == 0)
			break;
		assert_int_equal(WEXITSTATUS(status), 9);
		points = at;
	}
	assert_in_range(points, 30, 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_files_become_one_and_keep_what_is_theirs),
		TEST(some_files_are_left_alone),
		TEST(a_container_that_runs_is_left_alone),
		TEST(a_folder_that_shows_the_data_bars_its_container),
		TEST(data_goes_with_its_last_user),
		TEST(equal_files_of_one_container_are_shared_too),
		TEST(killed_anywhere_it_harms_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
