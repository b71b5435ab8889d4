/* SPDX-License-Identifier: GPL-2.0-or-later */
/* With the kernel's own sets, in a network namespace of the test. */
// link: daemon/engine/fill.c daemon/engine/netlink.c daemon/engine/tally.c -lnftables -lnftnl -lmnl
#include "tests/unit/unit.h"

#include <errno.h>
#include <sched.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>

#include "daemon/engine/fill.h"
#include "daemon/engine/tally.h"
#include "daemon/lib/address_set.h"
#include "daemon/lib/error.h"

static struct error err;

/* What it says; "": nothing, or that it cannot. */
static const char *nft(const char *commands)
{
	static char said[4096];
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	said[0] = '\0';
	assert_non_null(nft);
	nft_ctx_buffer_error(nft);
	nft_ctx_buffer_output(nft);
	if (nft_run_cmd_from_buffer(nft, commands) == 0)
		snprintf(said, sizeof said, "%s", nft_ctx_get_output_buffer(nft));
	nft_ctx_free(nft);
	return said;
}

static unsigned made;

static bool has(const char *address)
{
	char commands[128];

	snprintf(commands, sizeof commands, "get element inet bulkhead a%c_%u { %s }", strchr(address, ':') == NULL ? '4' : '6', made, address);
	return *nft(commands) != '\0';
}

static int fill_made(const struct address_set *set)
{
	char names[2][16];

	snprintf(names[0], sizeof names[0], "a4_%u", made);
	snprintf(names[1], sizeof names[1], "a6_%u", made);
	err = (struct error)ERROR_INIT;
	return fill_sets(names[0], names[1], set, &err);
}

/* Into sets of their own. */
static int fill(const char *list)
{
	struct address_set set;

	assert_ok(address_set_parse(list, strlen(list), &set, &err), &err);
	made++;
	int result = fill_made(&set);
	address_set_free(&set);
	return result;
}

static int kernel_open(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) == -1)
		return -1;
	(void)nft("add table inet bulkhead\nadd chain inet bulkhead rules\n");
	return *nft("list table inet bulkhead") == '\0' ? -1 : 0;
}

static void ranges_begin_and_end_where_networks_do(void **state)
{
	static const char *const in[] = { "10.0.0.0", "10.0.2.255", "192.0.2.7", "198.51.100.255", "255.255.255.255", "2001:db8::", "2001:db8:0:1:ffff:ffff:ffff:ffff" };
	static const char *const out[] = { "9.255.255.255", "10.0.3.0", "192.0.2.6", "192.0.2.8", "198.51.101.0", "254.255.255.255", "2001:db8:0:2::", "::" };

	(void)state;
	/* Neighbours, one that ends where its last byte is full, one at the end of all. */
	assert_ok(fill("10.0.0.0/24\n10.0.1.0/24\n10.0.2.0/24\n192.0.2.7\n198.51.100.0/24\n255.0.0.0/8\n2001:db8::/64\n2001:db8:0:1::/64\n"), &err);
	for (size_t i = 0; i < sizeof in / sizeof *in; i++)
		assert_true(has(in[i]));
	for (size_t i = 0; i < sizeof out / sizeof *out; i++)
		assert_false(has(out[i]));
}

static void all_and_nothing(void **state)
{
	(void)state;
	assert_ok(fill("0.0.0.0/0\n::/0\n"), &err);
	assert_true(has("0.0.0.0"));
	assert_true(has("255.255.255.255"));
	assert_true(has("ffff::"));
	assert_ok(fill("#"), &err);
	assert_false(has("10.1.2.3"));
	assert_non_null(strstr(nft("list sets inet bulkhead"), "type ipv4_addr\n\t\tflags interval"));
}

static void what_is_there_is_left(void **state)
{
	struct cidr address = { .family = AF_INET, .prefix = 32, .bytes = { 192, 0, 2, 9 } };
	struct address_set set = { .count = 1, .addresses = &address };

	(void)state;
	assert_ok(fill("10.0.0.0/8"), &err);
	assert_int_equal(fill_made(&set), -1);
	assert_int_equal(err.code, EEXIST);
	assert_true(has("10.0.0.1"));
	assert_false(has("192.0.2.9"));
	/* One of the two is enough. */
	made++;
	char commands[64];
	snprintf(commands, sizeof commands, "add set inet bulkhead a6_%u { type ipv6_addr; flags interval; }", made);
	(void)nft(commands);
	assert_int_equal(fill_made(&set), -1);
	assert_int_equal(err.code, EEXIST);
	snprintf(commands, sizeof commands, "list set inet bulkhead a4_%u", made);
	assert_string_equal(nft(commands), "");
}

static void count(const uint8_t *key, size_t size, void *data)
{
	(void)key;
	(void)size;
	++*(size_t *)data;
}

static void as_many_as_there_may_be(void **state)
{
	struct address_set set = { .count = ADDRESS_SET_MAX, .addresses = calloc(ADDRESS_SET_MAX, sizeof *set.addresses) };
	size_t elements = 0;

	(void)state;
	assert_non_null(set.addresses);
	/* Every other address, half of each family: no two are neighbours, so each has two ends. */
	for (size_t i = 0; i < set.count; i++) {
		bool v4 = i < set.count / 2;
		set.addresses[i] = (struct cidr){ .family = v4 ? AF_INET : AF_INET6, .prefix = v4 ? 32 : 128 };
		uint8_t *bytes = set.addresses[i].bytes + (v4 ? 0 : 12);
		set.addresses[i].bytes[0] = v4 ? 0 : 0x20;
		bytes[0] = v4 ? 10 : bytes[0];
		bytes[1] = (uint8_t)(i * 2 >> 16), bytes[2] = (uint8_t)(i * 2 >> 8), bytes[3] = (uint8_t)(i * 2);
	}
	char names[2][16];
	snprintf(names[0], sizeof names[0], "a4_%u", ++made);
	snprintf(names[1], sizeof names[1], "a6_%u", made);
	assert_ok(fill_made(&set), &err);
	assert_ok(tally_elements(names[0], count, &elements, &err), &err);
	assert_ok(tally_elements(names[1], count, &elements, &err), &err);
	assert_true(elements >= 2 * set.count);
	assert_true(has("10.0.0.2"));
	assert_false(has("10.0.0.3"));
	free(set.addresses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_begin_and_end_where_networks_do),
		cmocka_unit_test(all_and_nothing),
		cmocka_unit_test(what_is_there_is_left),
		cmocka_unit_test(as_many_as_there_may_be),
	};

	return cmocka_run_group_tests(tests, kernel_open, NULL);
}
