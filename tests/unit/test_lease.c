/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/gate/lease.c daemon/gate/haproxy.c
#include "tests/unit/unit.h"

#include "daemon/gate/lease.h"

static void a_stream_has_an_address_and_a_number(void **state)
{
	unsigned long long address;
	uint32_t stream;

	(void)state;
	assert_true(lease_line("0x7f5ec5c99000: [01/Dec/2026:13:20:50.047309] id=17 proto=tcpv4 source=127.0.0.1:52110", &address, &stream));
	assert_int_equal(address, 0x7f5ec5c99000);
	assert_int_equal(stream, 17);
	assert_true(lease_line("0x1: [x] id=4294967295 proto=?", &address, &stream));
	assert_int_equal(stream, UINT32_MAX);
}

static void other_lines_are_none(void **state)
{
	static const char *const lines[] = {
		"", "0x", "0x1", "0x1: ", "0x1: []", "0x1: [x] ", "0x1: [x] id=", "0x1: [x] id=a", "  scf=0x7f flags=0x1 id=3", "  frontend=web (id=2 mode=http)",
		"0x7f: proto=tcpv4 src=1.2.3.4", "id=3",
	};
	unsigned long long address;
	uint32_t stream;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		if (lease_line(lines[i], &address, &stream))
			fail_msg("taken: %s", lines[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_has_an_address_and_a_number),
		cmocka_unit_test(other_lines_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
