/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/place.c
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/place.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

/* base/tree is the tree; base/secret lies outside of it. */
static char base[PATH_MAX];
static int root = -1, out = -1;
static struct place place;
static struct error err;

static char *at(const char *name)
{
	static char path[2 * PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", base, name);
	return path;
}

static void put(const char *name, const char *text)
{
	assert_ok(file_write(at(name), text, strlen(text), 0640, &err), &err);
}

static void holds(const char *name, const char *text)
{
	cleanup_free char *got = NULL;

	assert_ok(file_read(at(name), 1 << 20, &got, NULL, &err), &err);
	assert_string_equal(got, text);
}

static int source(const char *text)
{
	int fd = memfd_create("source", MFD_CLOEXEC);

	assert_int_equal(fd_write_full(fd, text, strlen(text)), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int push(const char *path, const char *text)
{
	cleanup_fd int in = source(text);

	err = (struct error)ERROR_INIT;
	return place_push(root, path, in, 0640, getuid(), getgid(), &err);
}

static int pull(const char *path, uint64_t max)
{
	err = (struct error)ERROR_INIT;
	fd_cleanup(&out);
	out = memfd_create("out", MFD_CLOEXEC);
	return place_pull(root, path, out, max, &place, &err);
}

static void pulled(const char *text)
{
	char got[4096] = "";

	assert_int_equal(pread(out, got, sizeof got - 1, 0), strlen(text));
	assert_string_equal(got, text);
	assert_int_equal(place.size, strlen(text));
}

static int setup(void **state)
{
	(void)state;
	unit_folder_make(base);
	if (mkdir(at("tree"), 0755) == -1 || mkdir(at("tree/etc"), 0755) == -1 || mkdir(at("outside"), 0755) == -1)
		return -1;
	put("secret", "secret");
	put("tree/etc/file", "inside");
	root = open(at("tree"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root == -1;
}

static int teardown(void **state)
{
	(void)state;
	fd_cleanup(&root);
	fd_cleanup(&out);
	unit_folder_remove(base);
	return 0;
}

static unsigned entries(const char *name)
{
	DIR *dir = opendir(at(name));
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;
}

static void a_file_comes_with_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(chmod(at("tree/etc/file"), 04751), 0);
	assert_ok(pull("/etc/file", 100), &err);
	pulled("inside");
	assert_int_equal(place.mode, 04751);
	assert_int_equal(place.uid, getuid());
	assert_false(place.folder);
}

static void links_end_inside(void **state)
{
	(void)state;
	char target[2 * PATH_MAX];

	snprintf(target, sizeof target, "%s", at("secret"));
	assert_int_equal(symlink(target, at("tree/absolute")), 0);
	assert_int_equal(symlink("../../../../../../../../secret", at("tree/climbing")), 0);
	assert_int_equal(symlink("/etc", at("tree/folder")), 0);
	assert_int_equal(pull("/absolute", 100), -1);
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(pull("/climbing", 100), -1);
	assert_int_equal(pull("/../secret", 100), -1);
	assert_int_equal(pull("/etc/../../../secret", 100), -1);
	assert_ok(pull("/folder/file", 100), &err);
	pulled("inside");
}

static void links_of_proc_lead_nowhere(void **state)
{
	(void)state;
	char path[64];
	int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	snprintf(path, sizeof path, "/proc/self/fd/%d/etc/passwd", root);
	err = (struct error)ERROR_INIT;
	fd_cleanup(&out);
	out = memfd_create("out", MFD_CLOEXEC);
	assert_int_equal(place_pull(host, path, out, 1 << 20, &place, &err), -1);
	assert_int_equal(place_pull(host, "/proc/self/root/etc/passwd", out, 1 << 20, &place, &err), -1);
	assert_int_equal(err.code, ENOENT);
	close(host);
}

static void a_push_is_whole_and_has_its_mode(void **state)
{
	struct stat st;

	(void)state;
	assert_ok(push("/etc/new", "text"), &err);
	holds("tree/etc/new", "text");
	assert_int_equal(stat(at("tree/etc/new"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_ok(push("/etc/new", ""), &err);
	holds("tree/etc/new", "");
	assert_int_equal(entries("tree/etc"), 2);
}

static void a_push_never_goes_through_a_link(void **state)
{
	char target[2 * PATH_MAX];
	struct stat st;

	(void)state;
	snprintf(target, sizeof target, "%s", at("secret"));
	assert_int_equal(symlink(target, at("tree/out")), 0);
	assert_ok(push("/out", "text"), &err);
	holds("secret", "secret");
	assert_int_equal(lstat(at("tree/out"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	snprintf(target, sizeof target, "%s", at("outside"));
	assert_int_equal(symlink(target, at("tree/way")), 0);
	assert_int_equal(symlink("../outside", at("tree/climb")), 0);
	assert_int_equal(push("/way/file", "text"), -1);
	assert_int_equal(push("/climb/file", "text"), -1);
	assert_int_equal(push("/../outside/file", "text"), -1);
	assert_int_equal(entries("outside"), 0);
}

static void a_push_that_fails_changes_nothing(void **state)
{
	(void)state;
	cleanup_fd int broken = open(at("tree"), O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* cannot be read */

	assert_int_equal(place_push(root, "/etc/file", broken, 0644, getuid(), getgid(), &err), -1);
	holds("tree/etc/file", "inside");
	assert_int_equal(push("/etc", "text"), -1); /* a folder is not replaced */
	assert_int_equal(err.code, EEXIST);
	assert_int_equal(push("/nowhere/file", "text"), -1);
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(entries("tree/etc"), 1);
	assert_int_equal(entries("tree"), 1);
}

static void bad_paths_are_refused(void **state)
{
	static const char *const paths[] = { "", "etc/file", "/", "/etc/", "/etc/.", "/etc/.." };

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		if (push(paths[i], "text") != -1 || place_delete(root, paths[i], &err) != -1)
			fail_msg("'%s' was taken", paths[i]);
		assert_string_equal(err.field, "path");
	}
	assert_int_equal(entries("tree"), 1);
}

static void what_is_no_file_is_not_waited_for(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(at("tree/pipe"), 0600), 0);
	assert_int_equal(pull("/pipe", 100), -1);
	assert_int_equal(err.code, EEXIST);
	assert_int_equal(pull("/etc/file", 5), -1);
	assert_int_equal(err.code, EFBIG);
	assert_ok(pull("/etc/file", 6), &err);
}

static void a_folder_is_listed(void **state)
{
	char text[4096] = "";

	(void)state;
	assert_int_equal(symlink("file", at("tree/etc/link")), 0);
	put("tree/etc/\xff", "");
	assert_ok(pull("/etc", 100), &err);
	assert_true(place.folder);
	assert_int_equal(pread(out, text, sizeof text - 1, 0), place.size);
	cleanup_json json_t *list = json_parse(text, place.size, &err);
	assert_made(list, &err);
	assert_int_equal(json_array_size(json_object_get(list, "entries")), 2);
	assert_int_equal(json_integer_value(json_object_get(list, "left_out")), 1); /* a name that is not UTF-8 */
}

static void a_folder_is_made_once(void **state)
{
	struct stat st;

	(void)state;
	err = (struct error)ERROR_INIT;
	assert_ok(place_folder(root, "/etc/made", 01777, getuid(), getgid(), &err), &err);
	assert_int_equal(stat(at("tree/etc/made"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	assert_ok(place_folder(root, "/etc/made", 0700, getuid(), getgid(), &err), &err);
	assert_int_equal(stat(at("tree/etc/made"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01777); /* left as it was */
	assert_int_equal(place_folder(root, "/etc/file", 0700, getuid(), getgid(), &err), -1);
	assert_int_equal(err.code, EEXIST);
	assert_int_equal(symlink("../../outside", at("tree/etc/link")), 0);
	assert_int_equal(place_folder(root, "/etc/link", 0700, getuid(), getgid(), &err), -1);
	assert_int_equal(place_folder(root, "/etc/link/in", 0700, getuid(), getgid(), &err), -1);
	assert_int_equal(entries("outside"), 0);
}

static void deletion_takes_the_link_not_its_target(void **state)
{
	(void)state;
	assert_int_equal(symlink("etc/file", at("tree/link")), 0);
	assert_ok(place_delete(root, "/link", &err), &err);
	holds("tree/etc/file", "inside");
	assert_int_equal(place_delete(root, "/etc", &err), -1);
	assert_int_equal(err.code, EEXIST);
	assert_ok(place_delete(root, "/etc/file", &err), &err);
	assert_ok(place_delete(root, "/etc", &err), &err);
	assert_int_equal(place_delete(root, "/etc", &err), -1);
	assert_int_equal(err.code, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_comes_with_what_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(links_end_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(links_of_proc_lead_nowhere, setup, teardown),
		cmocka_unit_test_setup_teardown(a_push_is_whole_and_has_its_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(a_push_never_goes_through_a_link, setup, teardown),
		cmocka_unit_test_setup_teardown(a_push_that_fails_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_paths_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_not_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_folder_is_listed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_folder_is_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(deletion_takes_the_link_not_its_target, setup, teardown),
	};
	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
