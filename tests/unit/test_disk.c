/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: initramfs/disk.c
#include "tests/unit/unit.h"

#include "initramfs/disk.h"

static const char one[] = "00000000-0000-0000-0000-00000000000a", other[] = "00000000-0000-0000-0000-00000000000b";

static struct disk_candidate candidate(const char *uuid, bool has_data)
{
	struct disk_candidate made = { .disk = "x", .esp = "x1", .has_data = has_data };

	strcpy(made.uuid, uuid);
	return made;
}

static void a_disk_alone_is_the_one(void **state)
{
	(void)state;
	const struct disk_candidate fresh[] = { candidate(one, false) };
	bool sure = false;

	assert_int_equal(disk_choose(fresh, 1, "", &sure), 0);
	assert_true(sure);
	assert_int_equal(disk_choose(fresh, 1, other, &sure), 0);
	assert_true(sure);
}

static void the_disk_with_data_is_the_one(void **state)
{
	(void)state;
	const struct disk_candidate disks[] = { candidate(one, false), candidate(other, true), candidate(one, false) };
	bool sure = false;

	assert_int_equal(disk_choose(disks, 3, "", &sure), 1);
	assert_true(sure);
	assert_int_equal(disk_choose(disks, 3, one, &sure), 1);
	assert_true(sure);
}

static void without_data_the_loader_decides(void **state)
{
	(void)state;
	const struct disk_candidate fresh[] = { candidate(one, false), candidate(other, false) };
	const struct disk_candidate twins[] = { candidate(one, false), candidate(one, false) };
	const struct disk_candidate unknown[] = { candidate("", false), candidate("", false) };
	bool sure = false;

	assert_int_equal(disk_choose(fresh, 2, "00000000-0000-0000-0000-00000000000B", &sure), 1);
	assert_true(sure);
	assert_int_equal(disk_choose(fresh, 2, "", &sure), 0);
	assert_false(sure);
	assert_int_equal(disk_choose(twins, 2, one, &sure), 0); /* flashed from one image */
	assert_false(sure);
	assert_int_equal(disk_choose(unknown, 2, "", &sure), 0);
	assert_false(sure);
}

static void of_two_with_data_one_is_used(void **state)
{
	(void)state;
	const struct disk_candidate disks[] = { candidate(one, false), candidate(one, true), candidate(other, true) };
	bool sure = true;

	assert_int_equal(disk_choose(disks, 3, "", &sure), 1);
	assert_false(sure);
	assert_int_equal(disk_choose(disks, 3, other, &sure), 2);
	assert_true(sure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_alone_is_the_one),
		cmocka_unit_test(the_disk_with_data_is_the_one),
		cmocka_unit_test(without_data_the_loader_decides),
		cmocka_unit_test(of_two_with_data_one_is_used),
	};
	return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
