/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/account.c
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/account.h"
#include "daemon/lib/fd.h"

static char root[PATH_MAX];
static struct account account;
static struct error err;

static void put(const char *name, const char *text)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof path, "%s%s", root, name);
	assert_ok(file_write(path, text, strlen(text), 0600, &err), &err);
}

static int setup(void **state)
{
	char path[PATH_MAX + 8];

	(void)state;
	unit_folder_make(root);
	snprintf(path, sizeof path, "%s/etc", root);
	if (mkdir(path, 0700) == -1)
		return -1;
	put("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34::/var/www:\nbad:x:70000:1::/:\n"
			   "odd:x:5:5::relative:\n7:x:8:8::/named-like-a-number:\n");
	put("/etc/group", "root:x:0:\nweb:x:40:www,odd\nhuge:x:70000:www\nmore:x:41:www\n");
	err = (struct error)ERROR_INIT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unit_folder_remove(root);
	return 0;
}

static void a_user_has_ids_groups_and_home(void **state)
{
	(void)state;
	assert_ok(account_find(root, "www", &account, &err), &err);
	assert_int_equal(account.uid, 33);
	assert_int_equal(account.gid, 34);
	assert_string_equal(account.home, "/var/www");
	assert_string_equal(account.name, "www");
	assert_int_equal(account.group_count, 2); /* none outside of the container's range */
	assert_int_equal(account.groups[0], 40);
	assert_int_equal(account.groups[1], 41);
	assert_ok(account_find(root, "33", &account, &err), &err);
	assert_string_equal(account.name, "www");
}

static void a_group_that_is_named_is_the_only_one(void **state)
{
	(void)state;
	assert_ok(account_find(root, "www:web", &account, &err), &err);
	assert_int_equal(account.uid, 33);
	assert_int_equal(account.gid, 40);
	assert_int_equal(account.group_count, 0);
	assert_string_equal(account.home, "/var/www");
	assert_ok(account_find(root, "12:7", &account, &err), &err);
	assert_int_equal(account.uid, 12);
	assert_int_equal(account.gid, 7);
}

static void nobody_named_is_root(void **state)
{
	(void)state;
	assert_ok(account_find(root, "", &account, &err), &err);
	assert_int_equal(account.uid, 0);
	assert_string_equal(account.home, "/root");
	assert_int_equal(account.group_count, 0);
}

static void a_number_needs_no_entry(void **state)
{
	(void)state;
	assert_ok(account_find(root, "4321", &account, &err), &err);
	assert_int_equal(account.uid, 4321);
	assert_int_equal(account.gid, 4321);
	assert_string_equal(account.home, "/");
	assert_string_equal(account.name, "");
	assert_ok(account_find(root, "7", &account, &err), &err);
	assert_int_equal(account.uid, 7); /* a number is a number */
}

static void a_home_that_is_no_path_is_the_root(void **state)
{
	(void)state;
	assert_ok(account_find(root, "odd", &account, &err), &err);
	assert_string_equal(account.home, "/");
}

static void others_do_not_exist(void **state)
{
	static const char *const names[] = { "nobody", "bad", "65536", "99999999999", "-1", "ww", "www:x", "www:65536", "\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		err = (struct error)ERROR_INIT;
		if (account_find(root, names[i], &account, &err) != -1)
			fail_msg("%s was found", names[i]);
		assert_int_equal(err.code, EINVAL);
		assert_string_equal(err.field, "user");
	}
}

static void tables_that_are_no_files_are_not_waited_for(void **state)
{
	char path[PATH_MAX + 16];

	(void)state;
	snprintf(path, sizeof path, "%s/etc/passwd", root);
	assert_int_equal(unlink(path), 0);
	assert_ok(account_find(root, "0", &account, &err), &err);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_ok(account_find(root, "0", &account, &err), &err);
	assert_int_equal(account_find(root, "www", &account, &err), -1);
}

static void broken_lines_end_nothing(void **state)
{
	static char text[200 * 1024];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	memcpy(text, "a:b\n::\n\n", 8);
	put("/etc/passwd", text);
	assert_ok(account_find(root, "12", &account, &err), &err);
	assert_int_equal(account_find(root, "x", &account, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_user_has_ids_groups_and_home, setup, teardown),
		cmocka_unit_test_setup_teardown(a_group_that_is_named_is_the_only_one, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_named_is_root, setup, teardown),
		cmocka_unit_test_setup_teardown(a_number_needs_no_entry, setup, teardown),
		cmocka_unit_test_setup_teardown(a_home_that_is_no_path_is_the_root, setup, teardown),
		cmocka_unit_test_setup_teardown(others_do_not_exist, setup, teardown),
		cmocka_unit_test_setup_teardown(tables_that_are_no_files_are_not_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_lines_end_nothing, setup, teardown),
	};
	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
