/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/chore.c
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/chore.h"
#include "daemon/lib/loop.h"

struct outcome {
	int number;
	char text[64];
};

static struct loop *loop;
static struct error err;
static struct outcome got;
static int calls, last_status;
static bool whole;

static void work(void *outcome, void *data)
{
	struct outcome *mine = outcome;

	if (strcmp(data, "sleep") == 0)
		pause();
	mine->number = 7;
	snprintf(mine->text, sizeof mine->text, "%s", (char *)data);
}

static void done(const void *outcome, int status, void *data)
{
	(void)data;
	calls++;
	last_status = status;
	whole = outcome != NULL;
	if (whole)
		memcpy(&got, outcome, sizeof got);
	loop_stop(loop, 0);
}

static int setup(void **state)
{
	(void)state;
	err = (struct error)ERROR_INIT;
	loop = loop_new(&err);
	calls = 0;
	return loop == NULL;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void what_it_finds_comes_back(void **state)
{
	char word[] = "found";

	(void)state;
	assert_ok(chore_begin(loop, work, done, sizeof got, word, NULL, &err), &err);
	word[0] = 'x'; /* the child has what it was given */
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(calls, 1);
	assert_true(whole);
	assert_int_equal(got.number, 7);
	assert_string_equal(got.text, "found");
}

static void one_that_dies_has_found_nothing(void **state)
{
	pid_t pid;

	(void)state;
	assert_ok(chore_begin(loop, work, done, sizeof got, (char[]){ "sleep" }, &pid, &err), &err);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_false(whole);
	assert_true(WIFSIGNALED(last_status) && WTERMSIG(last_status) == SIGKILL);
}

static void an_outcome_has_a_limit(void **state)
{
	(void)state;
	assert_int_equal(chore_begin(loop, work, done, CHORE_OUTCOME_MAX + 1, NULL, NULL, &err), -1);
	assert_int_equal(err.code, EINVAL);
	assert_int_equal(calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_it_finds_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_dies_has_found_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(an_outcome_has_a_limit, setup, teardown),
	};
	return cmocka_run_group_tests_name("chore", tests, NULL, NULL);
}
