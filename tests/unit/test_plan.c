/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/plan.c
#include "tests/unit/unit.h"

#include <errno.h>

#include "daemon/engine/plan.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static struct plan plan;
static struct error err;

static int plan_end(void **state)
{
	(void)state;
	plan_clear(&plan);
	return 0;
}

static void file(uint32_t container, const char *path, uint64_t size)
{
	assert_ok(plan_add(&plan, container, path, size, &err), &err);
}

static struct plan_file *find(uint32_t container, const char *path)
{
	for (size_t i = 0; i < plan.file_count; i++)
		if (plan.files[i].container == container && strcmp(plan.files[i].path, path) == 0)
			return &plan.files[i];
	fail();
	return NULL;
}

static void only_what_may_be_equal_is_read(void **state)
{
	(void)state;
	file(0, "alone", 70);
	file(0, "x", 50);
	file(1, "y", 50);
	file(1, "stored", 60);
	assert_ok(plan_add_data(&plan, A, 60, &err), &err);
	assert_ok(plan_add_data(&plan, B, 1, &err), &err);
	plan_pair(&plan);
	assert_false(find(0, "alone")->candidate);
	assert_true(find(0, "x")->candidate);
	assert_true(find(1, "y")->candidate);
	assert_true(find(1, "stored")->candidate);
	assert_int_equal(plan.files[0].size, 70);
	assert_int_equal(plan.files[1].size, 60);
}

static void equal_files_are_shared_and_counted(void **state)
{
	struct plan_sum sum;

	(void)state;
	file(2, "b", 100);
	file(0, "z", 100);
	file(0, "a", 100);
	file(1, "other", 100);
	file(1, "stored", 40);
	file(1, "unread", 40);
	assert_ok(plan_add_data(&plan, C, 40, &err), &err);
	plan_pair(&plan);
	strcpy(find(2, "b")->hash, A);
	strcpy(find(0, "z")->hash, A);
	strcpy(find(0, "a")->hash, A);
	strcpy(find(1, "other")->hash, B);
	strcpy(find(1, "stored")->hash, C);
	plan_share(&plan, &sum);
	assert_int_equal(sum.files, 4);
	assert_int_equal(sum.bytes, 340);
	assert_int_equal(sum.saved, 240); /* one of the three of A is kept */
	assert_true(find(2, "b")->share && find(0, "z")->share && find(0, "a")->share && find(1, "stored")->share);
	assert_false(find(1, "other")->share || find(1, "unread")->share);
	assert_string_equal(plan.files[0].path, "a");
	assert_string_equal(plan.files[1].path, "z");
	assert_int_equal(plan.files[2].container, 1);
	assert_int_equal(plan.files[5].container, 2);
}

static void nothing_is_a_plan_too(void **state)
{
	struct plan_sum sum = { .files = 1 };

	(void)state;
	plan_pair(&plan);
	plan_share(&plan, &sum);
	assert_int_equal(sum.files, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(only_what_may_be_equal_is_read, plan_end),
		cmocka_unit_test_teardown(equal_files_are_shared_and_counted, plan_end),
		cmocka_unit_test_teardown(nothing_is_a_plan_too, plan_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
