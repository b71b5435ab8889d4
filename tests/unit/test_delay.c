/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: initramfs/delay.c
#include "tests/unit/unit.h"

#include <limits.h>

#include "initramfs/delay.h"

static void nothing_wrong_costs_nothing(void **state)
{
	(void)state;
	assert_int_equal(delay_ms(0), 0);
}

static void it_doubles_up_to_a_minute(void **state)
{
	(void)state;
	const int64_t seconds[] = { 0, 1, 2, 4, 8, 16, 32, 60, 60, 60 };

	for (unsigned i = 0; i < COUNT(seconds); i++)
		assert_int_equal(delay_ms(i), seconds[i] * 1000);
	assert_int_equal(delay_ms(UINT_MAX), 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_wrong_costs_nothing),
		cmocka_unit_test(it_doubles_up_to_a_minute),
	};
	return cmocka_run_group_tests_name("delay", tests, NULL, NULL);
}
