/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/runtime.c daemon/api/store.c -lsqlite3
#include "tests/unit/unit.h"

#include "daemon/api/runtime.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"

#define BOX "cccccccccccccccccccccccc"

static struct store *store;
static struct error err;

static int bench_open(void **state)
{
	(void)state;
	err = (struct error)ERROR_INIT;
	store = store_open(":memory:", &err);
	assert_made(store, &err);
	assert_ok(runtime_open(store, &err), &err);
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	store_close(store);
	return 0;
}

static void is_now(int64_t wanted, const char *message)
{
	int64_t state;

	assert_ok(runtime_state(store, BOX, &state, &err), &err);
	assert_int_equal(state, wanted);
	cleanup_query sqlite3_stmt *row = store_query(store, &err, "SELECT message FROM temp.runtime WHERE id = ?", "s", BOX);
	assert_int_equal(query_step(row, &err), 1);
	assert_string_equal(query_text(row, 0), message);
}

/* Event and answer of the same start come one after the other. */
static void a_failure_that_was_told_stays_as_it_was_told(void **state)
{
	struct container_state_message failed = { .id = BOX, .state = CONTAINER_STATE_FAILED, .message = "it broke" };

	(void)state;
	runtime_set(store, BOX, CONTAINER_STATE_STARTING, "");
	runtime_take(store, &failed);
	runtime_set(store, BOX, CONTAINER_STATE_FAILED, "it broke; started again in 1 s");
	runtime_failed(store, BOX, "it broke");
	is_now(CONTAINER_STATE_FAILED, "it broke; started again in 1 s");
	/* One that the engine refuses has no event. */
	runtime_set(store, BOX, CONTAINER_STATE_STARTING, "");
	runtime_failed(store, BOX, "no such layer");
	is_now(CONTAINER_STATE_FAILED, "no such layer");
	/* Nor does a late answer end what runs again by then. */
	runtime_set(store, BOX, CONTAINER_STATE_RUNNING, "");
	runtime_failed(store, BOX, "it broke");
	is_now(CONTAINER_STATE_RUNNING, "");
}

static void a_start_that_was_stopped_meanwhile_is_stopping(void **state)
{
	int64_t now;

	(void)state;
	runtime_set(store, BOX, CONTAINER_STATE_STARTING, "");
	runtime_stop_begin(store, BOX);
	runtime_started(store, BOX);
	assert_ok(runtime_state(store, BOX, &now, &err), &err);
	assert_int_equal(now, CONTAINER_STATE_STOPPING);
	runtime_stop_end(store, BOX);
	is_now(CONTAINER_STATE_RUNNING, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_failure_that_was_told_stays_as_it_was_told, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(a_start_that_was_stopped_meanwhile_is_stopping, bench_open, bench_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
