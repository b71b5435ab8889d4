/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/governor.c daemon/engine/merge.c daemon/engine/profit.c daemon/engine/cgroup.c daemon/engine/container.c
// link: daemon/engine/address.c
#include "tests/unit/unit.h"

#include "daemon/engine/governor.h"
#include "daemon/engine/profit.h"

enum { MINUTE = 60000 };

static void the_pace_follows_a_table(void **state)
{
	(void)state;
	static const struct {
		struct governor_reading reading;
		struct merge_pace pace;
	} rows[] = {
		/* A start was at 0: quick for a minute, whatever is gained. */
		{ { 1000, 0, 0, 0, 0 }, { true, 2000, 20 } },
		{ { 59999, 0, 500, 50000, 1 }, { true, 2050, 20 } },
		/* All has been seen twice. */
		{ { 59999, 0, 500, 50000, 2 }, { true, 150, 20 } },
		{ { 60000, 0, 500, 50000, 0 }, { true, 150, 200 } },
		/* Ten minutes without a gain double the goal, up to a bound. */
		{ { 10 * MINUTE, 0, 500, 0, 0 }, { true, 100, 200 } },
		{ { 11 * MINUTE, 0, 500, 0, 0 }, { true, 100, 400 } },
		{ { 20 * MINUTE, 0, 500, 999, 0 }, { true, 100, 400 } },
		{ { 21 * MINUTE, 0, 400, 1000, 0 }, { true, 101, 800 } },
		{ { 31 * MINUTE, 0, 400, UINT64_MAX, 0 }, { true, UINT32_MAX, 1600 } },
		{ { 41 * MINUTE, 0, 400, 0, 0 }, { true, 100, 1600 } },
		/* A gain, also after a loss, brings it back. */
		{ { 51 * MINUTE, 0, 401, 0, 0 }, { true, 100, 200 } },
		/* Pressure stops it above the high bound only, and lets it go on at the low one only. */
		{ { 52 * MINUTE, 2000, 401, 0, 0 }, { true, 100, 200 } },
		{ { 53 * MINUTE, 2001, 401, 0, 0 }, { false, 100, 200 } },
		{ { 54 * MINUTE, 1500, 401, 0, 0 }, { false, 100, 200 } },
		{ { 55 * MINUTE, 1001, 401, 0, 0 }, { false, 100, 200 } },
		{ { 56 * MINUTE, 1000, 401, 0, 0 }, { true, 100, 200 } },
		{ { 57 * MINUTE, 1500, 401, 0, 0 }, { true, 100, 200 } },
	};
	struct governor governor = { .quick_until_ms = GOVERNOR_QUICK_MS, .target_s = GOVERNOR_TARGET_S };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct merge_pace pace = governor_decide(&governor, &rows[i].reading);
		assert_int_equal(pace.run, rows[i].pace.run);
		assert_int_equal(pace.pages, rows[i].pace.pages);
		assert_int_equal(pace.sleep_ms, rows[i].pace.sleep_ms);
	}
}

static void a_start_ends_a_slow_time(void **state)
{
	struct governor governor = { .target_s = GOVERNOR_TARGET_MAX_S, .quick_until_ms = 100 * MINUTE };
	struct governor_reading reading = { .now_ms = 99 * MINUTE };

	(void)state;
	assert_int_equal(governor_decide(&governor, &reading).sleep_ms, GOVERNOR_TARGET_QUICK_S);
	reading.now_ms = 100 * MINUTE;
	assert_int_equal(governor_decide(&governor, &reading).sleep_ms, GOVERNOR_TARGET_S);
}

static void pressure_wins_over_a_start(void **state)
{
	struct governor governor = { .quick_until_ms = GOVERNOR_QUICK_MS, .target_s = GOVERNOR_TARGET_S };
	struct governor_reading reading = { .now_ms = 1, .pressure = 9000 };

	(void)state;
	assert_false(governor_decide(&governor, &reading).run);
}

static void pressure_is_read(void **state)
{
	(void)state;
	assert_int_equal(governor_pressure("some avg10=12.34 avg60=1.00 avg300=0.50 total=123\nfull avg10=99.00\n"), 1234);
	assert_int_equal(governor_pressure("some avg10=100.00 avg60=1.00"), 10000);
	assert_int_equal(governor_pressure("some avg10=nan"), 0);
	assert_int_equal(governor_pressure("some avg10=-1"), 0);
	assert_int_equal(governor_pressure(""), 0);
}

static void a_measurement_waits_for_time_and_scans(void **state)
{
	const struct governor_trial trial = { .measured_ms = 1000, .full_scans = 7 };

	(void)state;
	assert_false(governor_due(&trial, 1000 + GOVERNOR_MEASURE_MS - 1, 100));
	/* Not scanned twice: that nothing is merged says nothing. */
	assert_false(governor_due(&trial, 1000 + 10 * GOVERNOR_MEASURE_MS, 8));
	assert_true(governor_due(&trial, 1000 + GOVERNOR_MEASURE_MS, 9));
}

static void three_losses_in_a_row_are_a_verdict(void **state)
{
	struct governor_trial trial = { 0 };

	(void)state;
	assert_false(governor_judge(&trial, 1, 1, 0));
	assert_false(governor_judge(&trial, 2, 3, -1));
	assert_false(governor_judge(&trial, 3, 5, 1)); /* a gain clears it */
	assert_false(governor_judge(&trial, 4, 7, 0));
	assert_false(governor_judge(&trial, 5, 9, 0));
	assert_true(governor_judge(&trial, 6, 11, INT64_MIN));
	assert_true(governor_judge(&trial, 7, 13, 0)); /* told again: the first may be lost */
	assert_int_equal(trial.measured_ms, 7);
	assert_int_equal(trial.full_scans, 13);
}

static void profit_is_the_sum_over_candidates(void **state)
{
	struct profit sum = { 0 };

	(void)state;
	profit_add(&sum, "ksm_rmap_items 100\nksm_zero_pages 3\nksm_merging_pages 5\nksm_process_profit 26368\nksm_merge_any: yes\n"
			 "ksm_mergeable: yes\n");
	profit_add(&sum, "ksm_rmap_items 100\nksm_zero_pages 0\nksm_merging_pages 0\nksm_process_profit -6400\nksm_merge_any: yes\n");
	profit_add(&sum, "ksm_rmap_items 0\nksm_zero_pages 9\nksm_merging_pages 9\nksm_process_profit 9\nksm_merge_any: no\n");
	profit_add(&sum, "");
	assert_int_equal(sum.processes, 2);
	assert_int_equal(sum.pages_merged, 5);
	assert_int_equal(sum.pages_zero, 3);
	assert_int_equal(sum.bytes, 26368 - 6400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pace_follows_a_table),
		cmocka_unit_test(a_start_ends_a_slow_time),
		cmocka_unit_test(pressure_wins_over_a_start),
		cmocka_unit_test(pressure_is_read),
		cmocka_unit_test(a_measurement_waits_for_time_and_scans),
		cmocka_unit_test(three_losses_in_a_row_are_a_verdict),
		cmocka_unit_test(profit_is_the_sum_over_candidates),
	};
	return cmocka_run_group_tests_name("governor", tests, NULL, NULL);
}
