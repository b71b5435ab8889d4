/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: initramfs/lease.c
#include "tests/unit/unit.h"

#include <arpa/inet.h>

#include "initramfs/lease.h"

static const char *const *environment; /* name, value, name, value, ..., NULL */

static const char *get(const char *name)
{
	for (const char *const *at = environment; *at != NULL; at += 2)
		if (strcmp(at[0], name) == 0)
			return at[1];
	return NULL;
}

#define READ(lease, err, ...) \
	(environment = (const char *const[]){ __VA_ARGS__, NULL }, lease_read(get, (lease), (err)))

static void assert_address(const struct hostcfg_address *address, const char *text, unsigned prefix)
{
	struct in_addr wanted;

	assert_int_equal(inet_pton(AF_INET, text, &wanted), 1);
	assert_int_equal(address->family, AF_INET);
	assert_int_equal(address->v4.s_addr, wanted.s_addr);
	assert_int_equal(address->prefix, prefix);
}

static void a_plain_lease(void **state)
{
	(void)state;
	struct lease lease;
	struct error err = ERROR_INIT;

	assert_ok(READ(&lease, &err, "ip", "192.0.2.10", "mask", "26", "subnet", "255.255.255.0", "router",
		       "192.0.2.1 192.0.2.2", "dns", "192.0.2.3 9.9.9.9", "lease", "3600"),
		  &err);
	assert_address(&lease.address, "192.0.2.10", 26);
	assert_int_equal(lease.seconds, 3600);
	assert_int_equal(lease.route_count, 1);
	assert_address(&lease.routes[0].to, "0.0.0.0", 0);
	assert_address(&lease.routes[0].gateway, "192.0.2.1", 32);
	assert_int_equal(lease.dns_count, 2);
	assert_address(&lease.dns[1], "9.9.9.9", 32);
}

static void the_mask_may_be_dotted_or_missing(void **state)
{
	(void)state;
	struct lease lease;
	struct error err = ERROR_INIT;

	assert_ok(READ(&lease, &err, "ip", "192.0.2.10", "subnet", "255.255.255.255"), &err);
	assert_int_equal(lease.address.prefix, 32);
	assert_ok(READ(&lease, &err, "ip", "192.0.2.10", "mask", "33"), &err);
	assert_int_equal(lease.address.prefix, 24);
	assert_int_equal(lease.seconds, 0);
	assert_int_equal(lease.route_count, 0);
}

static void classless_routes_replace_the_router(void **state)
{
	(void)state;
	struct lease lease;
	struct error err = ERROR_INIT;

	assert_ok(READ(&lease, &err, "ip", "10.1.2.3", "mask", "32", "router", "10.9.9.9", "staticroutes",
		       "172.31.1.1/32 0.0.0.0 0.0.0.0/0 172.31.1.1"),
		  &err);
	assert_int_equal(lease.route_count, 2);
	assert_address(&lease.routes[0].to, "172.31.1.1", 32);
	assert_address(&lease.routes[0].gateway, "0.0.0.0", 32);
	assert_address(&lease.routes[1].to, "0.0.0.0", 0);
	assert_address(&lease.routes[1].gateway, "172.31.1.1", 32);
}

static void routes_that_cannot_be_read_leave_the_router(void **state)
{
	(void)state;
	const char *const broken[] = { "junk", "10.0.0.0/8", "10.0.0.0 10.0.0.1", "10.0.0.0/33 10.0.0.1",
				       "10.0.0.0/-1 10.0.0.1", "10.0.0.0/8 x", " ", "/ /" };
	struct lease lease;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < COUNT(broken); i++) {
		assert_ok(READ(&lease, &err, "ip", "10.1.2.3", "router", "10.9.9.9", "staticroutes", broken[i]), &err);
		assert_int_equal(lease.route_count, 1);
		assert_address(&lease.routes[0].gateway, "10.9.9.9", 32);
	}
}

static void without_an_address_there_is_no_lease(void **state)
{
	(void)state;
	struct lease lease = { .seconds = 42 };
	struct error err = ERROR_INIT;

	assert_int_equal(READ(&lease, &err, "router", "10.9.9.9"), -1);
	assert_int_equal(READ(&lease, &err, "ip", ""), -1);
	assert_int_equal(READ(&lease, &err, "ip", "10.0.0.256"), -1);
	assert_int_equal(READ(&lease, &err, "ip", "2001:db8::1"), -1);
	assert_int_equal(lease.seconds, 42);
}

static void long_lists_are_cut(void **state)
{
	(void)state;
	char routes[2000] = "", servers[900] = "";
	struct lease lease;
	struct error err = ERROR_INIT;

	for (int i = 0; i < 30; i++)
		snprintf(routes + strlen(routes), sizeof routes - strlen(routes), "%s10.%d.0.0/16 10.0.0.1", i ? " " : "", i);
	for (int i = 0; i < 30; i++)
		snprintf(servers + strlen(servers), sizeof servers - strlen(servers), "10.0.0.%d ", i);
	assert_ok(READ(&lease, &err, "ip", "10.1.2.3", "staticroutes", routes, "dns", servers), &err);
	assert_int_equal(lease.route_count, LEASE_ROUTES_MAX);
	assert_int_equal(lease.dns_count, LEASE_DNS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_lease),
		cmocka_unit_test(the_mask_may_be_dotted_or_missing),
		cmocka_unit_test(classless_routes_replace_the_router),
		cmocka_unit_test(routes_that_cannot_be_read_leave_the_router),
		cmocka_unit_test(without_an_address_there_is_no_lease),
		cmocka_unit_test(long_lists_are_cut),
	};
	return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
