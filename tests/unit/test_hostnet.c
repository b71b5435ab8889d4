/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: -lmnl
#include "tests/unit/unit.h"

#include <arpa/inet.h>

#include "daemon/lib/hostnet.h"

static struct hostcfg_address address(const char *text, uint8_t prefix)
{
	struct hostcfg_address value = { .family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET, .prefix = prefix };

	assert_int_equal(inet_pton(value.family, text, &value.v6), 1);
	return value;
}

static void addresses_have_a_text(void **state)
{
	(void)state;
	char text[HOSTNET_ADDRESS_TEXT];
	struct hostcfg_address four = address("192.0.2.1", 32), six = address("2001:db8::1", 128);
	struct hostcfg_address longest = address("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", 128);

	hostnet_address_text(&four, true, text);
	assert_string_equal(text, "192.0.2.1/32");
	hostnet_address_text(&six, false, text);
	assert_string_equal(text, "2001:db8::1");
	hostnet_address_text(&longest, true, text);
	assert_string_equal(text, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
}

static void the_mac_matches_before_the_name(void **state)
{
	(void)state;
	static struct hostcfg cfg;
	struct hostnet_link link = { .index = 2, .name = "eth0", .mac = { 2, 0, 0, 0, 0, 1 } };

	hostcfg_defaults(&cfg);
	assert_null(hostnet_match(&cfg, &link));
	cfg.interface_count = 3;
	strcpy(cfg.interfaces[0].name, "eth1");
	strcpy(cfg.interfaces[1].name, "eth0");
	cfg.interfaces[2].has_mac = true;
	memcpy(cfg.interfaces[2].mac, link.mac, sizeof link.mac);
	assert_ptr_equal(hostnet_match(&cfg, &link), &cfg.interfaces[2]);
	link.mac[5] = 2;
	assert_ptr_equal(hostnet_match(&cfg, &link), &cfg.interfaces[1]);
	strcpy(link.name, "eth2");
	assert_null(hostnet_match(&cfg, &link));
}

static void configured_servers_win_over_leased_ones(void **state)
{
	(void)state;
	static struct hostcfg cfg;
	struct hostcfg_address leased[] = { address("192.0.2.53", 32) };
	char text[HOSTNET_RESOLV_MAX];

	hostcfg_defaults(&cfg);
	assert_int_equal(hostnet_resolv(&cfg, NULL, 0, text), 0);
	assert_string_equal(text, "");
	size_t size = hostnet_resolv(&cfg, leased, 1, text);
	assert_int_equal(size, strlen(text));
	assert_string_equal(text, "nameserver 192.0.2.53\n");
	cfg.dns_count = 2;
	cfg.dns[0] = address("9.9.9.9", 32);
	cfg.dns[1] = address("2620:fe::fe", 128);
	hostnet_resolv(&cfg, leased, 1, text);
	assert_string_equal(text, "nameserver 9.9.9.9\nnameserver 2620:fe::fe\n");
}

static void the_kernel_lists_loopback(void **state)
{
	(void)state;
	struct hostnet_link links[HOSTNET_LINKS_MAX];
	size_t count = 0;
	bool found = false;
	struct error err = ERROR_INIT;

	assert_ok(hostnet_links(links, HOSTNET_LINKS_MAX, &count, &err), &err);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(links[i].name, "lo") == 0) {
			found = true;
			assert_false(links[i].ethernet);
		}
	}
	assert_true(found);
	/* A list that is too short is filled and no more. */
	assert_ok(hostnet_links(links, 1, &count, &err), &err);
	assert_int_equal(count, 1);
}

static void each_port_has_its_own_metric(void **state)
{
	(void)state;
	assert_int_equal(hostnet_lease_metric(2), 1026);
	assert_int_equal(hostnet_lease_metric(3), 1027);
	assert_int_equal(hostnet_lease_metric(0x7fffffff), HOSTNET_METRIC_LEASE_MAX);
	assert_true(HOSTNET_METRIC_STATIC6 < 1024); /* the kernel's for a route by router advertisement */
}

static void what_cannot_be_done_is_told(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct hostcfg_address value = address("192.0.2.1", 32);

	/* No link has this index, with or without the right to add addresses. */
	assert_int_equal(hostnet_address_add(0x7ffffff0, &value, 0, &err), -1);
	assert_non_null(strstr(err.message, "192.0.2.1/32"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_a_text),
		cmocka_unit_test(the_mac_matches_before_the_name),
		cmocka_unit_test(configured_servers_win_over_leased_ones),
		cmocka_unit_test(the_kernel_lists_loopback),
		cmocka_unit_test(each_port_has_its_own_metric),
		cmocka_unit_test(what_cannot_be_done_is_told),
	};
	return cmocka_run_group_tests_name("hostnet", tests, NULL, NULL);
}
