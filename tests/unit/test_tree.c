/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/tree.c
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/tree.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum { NOBODY = 65534, DEEP = 300, PATIENCE_MS = 20000 };

static struct loop *loop;
static char scratch[PATH_MAX];
static const char folder[] = "."; /* whoever may enter the folders above it */
static int home = -1;
static int code;

static int setup(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	unit_folder_make(scratch);
	home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home == -1 || chdir(scratch) == -1)
		return -1;
	loop = loop_new(&err);
	code = -1;
	return loop == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	if (fchdir(home) == -1)
		return -1;
	close(home);
	unit_folder_remove(scratch);
	return 0;
}

static char *path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof path, "%.3000s/%s", folder, name);
	return path;
}

static void folder_put(const char *name)
{
	assert_int_equal(mkdir(path_of(name), 0755), 0);
}

static void file_put(const char *name)
{
	cleanup_fd int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd != -1);
}

static bool is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static void done(int result, void *data)
{
	(void)data;
	code = result;
	loop_stop(loop, 0);
}

static void late(void *data)
{
	(void)data;
	fail_msg("the removal does not end");
}

static void remove_and_wait(const char *name)
{
	struct error err = ERROR_INIT;

	code = -1;
	assert_made(loop_add_timer(loop, PATIENCE_MS, late, NULL, &err), &err);
	assert_ok(tree_remove(loop, folder, name, done, NULL, &err), &err);
	assert_false(is_there(name));
	if (code == -1)
		assert_int_equal(loop_run(loop, &err), 0);
}

static unsigned entries(void)
{
	DIR *dir = opendir(folder);
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;
}

/* Its path has 60,000 characters, and at each level lies a file. */
static void deep_tree_goes(void **state)
{
	(void)state;
	char name[201];
	memset(name, 'd', 200);
	name[200] = '\0';

	folder_put("x");
	int fd = open(path_of("x"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEEP; i++) {
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		int file = openat(fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(file != -1);
		close(file);
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next != -1);
		close(fd);
		fd = next;
	}
	close(fd);
	remove_and_wait("x");
	assert_int_equal(code, 0);
	assert_int_equal(entries(), 0);
}

static void link_is_removed_not_followed(void **state)
{
	(void)state;
	folder_put("other");
	file_put("other/file");
	folder_put("x");
	assert_int_equal(symlink("../other", path_of("x/link")), 0);
	assert_int_equal(mkfifo(path_of("x/pipe"), 0644), 0);
	remove_and_wait("x");
	assert_int_equal(code, 0);
	assert_int_equal(entries(), 1);
	assert_true(is_there("other/file"));
}

/* As a user whom modes hold back: root would read it all the same. */
static void part_that_cannot_be_read_does_not_save_the_rest(void **state)
{
	(void)state;
	assert_int_equal(chown(folder, NOBODY, NOBODY), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	folder_put("x");
	folder_put("x/a");
	file_put("x/a/file");
	for (char name[] = "x/b"; name[2] <= 'z'; name[2]++)
		file_put(name);
	assert_int_equal(chmod(path_of("x/a"), 0), 0);
	remove_and_wait("x");
	assert_int_equal(code, EACCES);
	assert_int_equal(rmdir(path_of(".gone-x/a")), -1);
	assert_false(is_there(".gone-x/b"));
	assert_false(is_there(".gone-x/z"));

	/* Asked again, it is not called done because the name has gone. */
	remove_and_wait("x");
	assert_int_equal(code, EACCES);
	assert_int_equal(chmod(path_of(".gone-x/a"), 0700), 0);
	remove_and_wait("x");
	assert_int_equal(code, 0);
	assert_int_equal(entries(), 0);
	remove_and_wait("x");
	assert_int_equal(code, 0);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0); /* the sanitizer looks for leaks through /proc */
}

static void name_in_use_again_goes_while_the_first_is_left(void **state)
{
	(void)state;
	folder_put(".gone-x");
	file_put(".gone-x/file");
	folder_put("x");
	file_put("x/file");
	remove_and_wait("x");
	assert_int_equal(code, 0);
	assert_true(is_there(".gone-x/file"));
	assert_int_equal(entries(), 1);
}

static unsigned done_count;

static void done_both(int result, void *data)
{
	(void)data;
	code = result;
	if (++done_count == 2)
		loop_stop(loop, 0);
}

static void who_asks_again_waits_for_the_same_end(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	folder_put("x");
	file_put("x/file");
	done_count = 0;
	assert_made(loop_add_timer(loop, PATIENCE_MS, late, NULL, &err), &err);
	assert_ok(tree_remove(loop, folder, "x", done_both, NULL, &err), &err);
	assert_ok(tree_remove(loop, folder, "x", done_both, NULL, &err), &err);
	if (done_count < 2)
		assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(code, 0);
	assert_int_equal(entries(), 0);
}

static void look(void *data)
{
	struct loop_source **timer = data;
	struct error err = ERROR_INIT;

	if (waitid(P_ALL, 0, NULL, WEXITED | WNOHANG | WNOWAIT) == -1 && errno == ECHILD)
		loop_stop(loop, 0);
	else
		assert_ok(loop_set_timer(*timer, 5, &err), &err);
}

/* An import that was cut off may be sent again at once. */
static void sweep_frees_the_names_before_it_returns(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct loop_source *timer;

	folder_put(".tmp-aa");
	file_put(".tmp-aa/file");
	folder_put(".gone-bb");
	folder_put("kept");
	assert_ok(tree_sweep(loop, folder, &err), &err);
	assert_false(is_there(".tmp-aa"));
	assert_made(timer = loop_add_timer(loop, 0, look, &timer, &err), &err);
	assert_made(loop_add_timer(loop, PATIENCE_MS, late, NULL, &err), &err);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(entries(), 1);
	assert_true(is_there("kept"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(deep_tree_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(link_is_removed_not_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(part_that_cannot_be_read_does_not_save_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(name_in_use_again_goes_while_the_first_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(who_asks_again_waits_for_the_same_end, setup, teardown),
		cmocka_unit_test_setup_teardown(sweep_frees_the_names_before_it_returns, setup, teardown),
	};
	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
