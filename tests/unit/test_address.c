/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/address.c
#include "tests/unit/unit.h"

#include <arpa/inet.h>

#include "daemon/engine/address.h"
#include "daemon/lib/hostcfg.h"

static struct hostcfg_address pool(const char *text, uint8_t prefix)
{
	struct hostcfg_address value = { .family = AF_INET, .prefix = prefix };

	assert_int_equal(inet_pton(AF_INET, text, &value.v4), 1);
	return value;
}

static uint32_t ip(const char *text)
{
	struct in_addr value;

	assert_int_equal(inet_pton(AF_INET, text, &value), 1);
	return value.s_addr;
}

static void pool_takes_its_own_addresses(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct hostcfg_address net = pool("10.77.0.0", 16);

	assert_ok(address_check4(&net, ip("10.77.0.1"), &err), &err);
	assert_ok(address_check4(&net, ip("10.77.0.255"), &err), &err);
	assert_ok(address_check4(&net, ip("10.77.255.254"), &err), &err);
}

static void pool_refuses_what_is_outside_or_at_its_ends(void **state)
{
	(void)state;
	static const char *const bad[] = { "10.76.255.255", "10.78.0.0", "0.0.0.0", "127.0.0.1", "10.77.0.0",
					   "10.77.255.255", "255.255.255.255" };
	struct hostcfg_address net = pool("10.77.0.0", 16);

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct error err = ERROR_INIT;
		if (address_check4(&net, ip(bad[i]), &err) == 0)
			fail_msg("took %s", bad[i]);
		assert_string_equal(err.field, "ipv4");
	}
}

/* A pool may be written with host bits set. */
static void pool_is_masked(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct hostcfg_address net = pool("10.1.2.3", 24);

	assert_ok(address_check4(&net, ip("10.1.2.200"), &err), &err);
	assert_int_equal(address_check4(&net, ip("10.1.2.0"), &err), -1);
	assert_int_equal(address_check4(&net, ip("10.1.3.1"), &err), -1);
}

static void ipv6_is_unique_local(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	uint8_t address[16] = { 0xfd, 1, 2 };

	assert_ok(address_check6(address, &err), &err);
	address[0] = 0xfc;
	assert_int_equal(address_check6(address, &err), -1);
	address[0] = 0xfe;
	assert_int_equal(address_check6(address, &err), -1);
	address[0] = 0x20;
	assert_int_equal(address_check6(address, &err), -1);
	assert_string_equal(err.field, "ipv6");
}

static void id_ranges_do_not_touch_the_layers_or_the_end(void **state)
{
	(void)state;
	static const uint32_t good[] = { 2000000, 2065536, 2000000 + 65536U * 1000 };
	static const uint32_t bad[] = { 0, 1, 65536, 1000000, 1999999, 2000001, 2065535, 4294967295U,
					2000000 + 65536U * 65505 };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < COUNT(good); i++)
		assert_ok(address_check_ids(good[i], &err), &err);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (address_check_ids(bad[i], &err) == 0)
			fail_msg("took %u", bad[i]);
}

static void link_names_fit_the_kernel(void **state)
{
	(void)state;
	char host[LINK_TEXT], peer[LINK_TEXT];

	address_links("0123456789abcdef01234567", host, peer);
	assert_string_equal(host, "h0123456789");
	assert_string_equal(peer, "c0123456789");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_takes_its_own_addresses),
		cmocka_unit_test(pool_refuses_what_is_outside_or_at_its_ends),
		cmocka_unit_test(pool_is_masked),
		cmocka_unit_test(ipv6_is_unique_local),
		cmocka_unit_test(id_ranges_do_not_touch_the_layers_or_the_end),
		cmocka_unit_test(link_names_fit_the_kernel),
	};
	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
