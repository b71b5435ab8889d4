/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/runtime.c
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/runtime.h"

static void own_start_time_is_known_and_stays(void **state)
{
	(void)state;
	uint64_t born = runtime_born(getpid());

	assert_true(born > 0);
	assert_int_equal(runtime_born(getpid()), born);
}

/* A process names itself: its name must not move the fields behind it. */
static void hostile_name_changes_nothing(void **state)
{
	(void)state;
	uint64_t born = runtime_born(getpid());
	static const char *const names[] = { "a) R 1 1 1 1", "((((", "))))", " ", "x\ny z" };

	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(prctl(PR_SET_NAME, names[i], 0, 0, 0), 0);
		assert_int_equal(runtime_born(getpid()), born);
	}
}

static void process_that_is_gone_has_none(void **state)
{
	(void)state;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(runtime_born(pid), 0);
	assert_int_equal(runtime_born(-1), 0);
}

static void path_is_below_the_run_folder(void **state)
{
	(void)state;
	char path[PATH_MAX];

	runtime_path("0123456789abcdef01234567", NULL, path);
	assert_string_equal(path, "/run/bulkhead/containers/0123456789abcdef01234567");
	runtime_path("0123456789abcdef01234567", "state", path);
	assert_string_equal(path, "/run/bulkhead/containers/0123456789abcdef01234567/state");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_start_time_is_known_and_stays),
		cmocka_unit_test(hostile_name_changes_nothing),
		cmocka_unit_test(process_that_is_gone_has_none),
		cmocka_unit_test(path_is_below_the_run_folder),
	};
	return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
