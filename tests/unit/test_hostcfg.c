/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "daemon/lib/fd.h"
#include "daemon/lib/hostcfg.h"

#define BLOB "AAAAC3NzaC1lZDI1NTE5AAAAIKcVQ5Qh1nJXc3Yx2m0oRk0t3Ew2q4u5v6w7x8y9z0Ab"
#define KEY "ssh-ed25519 " BLOB " me@home"

static struct hostcfg cfg; /* 70 kB, so not on the stack */

static int parse(const char *text, struct error *err)
{
	return hostcfg_parse(text, strlen(text), &cfg, err);
}

static void assert_defaults(void)
{
	static struct hostcfg fresh;

	hostcfg_defaults(&fresh);
	assert_memory_equal(&cfg, &fresh, sizeof cfg);
}

static void defaults_are_as_documented(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char text[INET_ADDRSTRLEN];

	assert_ok(parse("{}", &err), &err);
	assert_defaults();
	assert_string_equal(cfg.hostname, "bulkhead");
	assert_string_equal(cfg.domain, "bulkhead.internal");
	assert_int_equal(cfg.unlock_port, 2222);
	assert_int_equal(cfg.admin_port, 22);
	assert_int_equal(cfg.key_count, 0);
	assert_int_equal(cfg.interface_count, 0);
	assert_int_equal(cfg.dns_count, 0);
	assert_int_equal(cfg.swap_mib, 2048);
	assert_int_equal(cfg.container_pool.family, AF_INET);
	assert_int_equal(cfg.container_pool.prefix, 16);
	assert_string_equal(inet_ntop(AF_INET, &cfg.container_pool.v4, text, sizeof text), "10.77.0.0");
}

static void every_key_is_read(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct in6_addr v6;

	assert_ok(parse("{ \"hostname\": \"box1\", \"domain\": \"box1.example.org\","
			" \"ssh\": { \"keys\": [\"" KEY "\", \"ssh-ed25519 " BLOB "\"], \"admin_keys\": [\"ssh-ed25519 " BLOB
			" admin\"], \"unlock_port\": 1022, \"admin_port\": 2022 },"
			" \"dns\": [\"9.9.9.9\", \"2620:fe::fe\"],"
			" \"interfaces\": [ { \"match\": {\"mac\": \"52:54:00:12:34:5F\"},"
			" \"addresses\": [\"192.0.2.10/32\", \"2001:db8::10/128\"], \"gateway4\": \"198.51.100.1\","
			" \"gateway6\": \"fe80::1\", \"dhcp\": false, \"mtu\": 1500 },"
			" { \"match\": {\"name\": \"eth1\"}, \"dhcp\": true } ],"
			" \"containers\": { \"ipv4_pool\": \"10.128.0.0/9\" }, \"swap_mib\": 0 }", &err), &err);
	assert_string_equal(cfg.hostname, "box1");
	assert_string_equal(cfg.domain, "box1.example.org");
	assert_int_equal(cfg.key_count, 2);
	assert_string_equal(cfg.keys[0], KEY);
	assert_int_equal(cfg.admin_key_count, 1);
	assert_string_equal(cfg.admin_keys[0], "ssh-ed25519 " BLOB " admin");
	assert_int_equal(cfg.unlock_port, 1022);
	assert_int_equal(cfg.admin_port, 2022);
	assert_int_equal(cfg.dns_count, 2);
	assert_int_equal(cfg.dns[0].family, AF_INET);
	assert_int_equal(cfg.dns[0].prefix, 32);
	assert_int_equal(cfg.dns[1].family, AF_INET6);
	assert_int_equal(cfg.dns[1].prefix, 128);

	assert_int_equal(cfg.interface_count, 2);
	const struct hostcfg_interface *first = &cfg.interfaces[0], *second = &cfg.interfaces[1];
	assert_true(first->has_mac);
	assert_memory_equal(first->mac, "\x52\x54\x00\x12\x34\x5f", 6);
	assert_string_equal(first->name, "");
	assert_int_equal(first->address_count, 2);
	assert_int_equal(first->addresses[0].prefix, 32);
	assert_int_equal(ntohl(first->addresses[0].v4.s_addr), 0xc000020a);
	assert_int_equal(first->addresses[1].family, AF_INET6);
	assert_int_equal(first->addresses[1].prefix, 128);
	assert_true(first->has_gateway4); /* far outside 192.0.2.10/32, as hosting firms have it */
	assert_int_equal(ntohl(first->gateway4.s_addr), 0xc6336401);
	assert_true(first->has_gateway6);
	inet_pton(AF_INET6, "fe80::1", &v6);
	assert_memory_equal(&first->gateway6, &v6, sizeof v6);
	assert_false(first->dhcp);
	assert_int_equal(first->mtu, 1500);
	assert_false(second->has_mac);
	assert_string_equal(second->name, "eth1");
	assert_true(second->dhcp);
	assert_false(second->has_gateway4);
	assert_false(second->has_gateway6);
	assert_int_equal(second->address_count, 0);
	assert_int_equal(second->mtu, 0);

	assert_int_equal(cfg.container_pool.prefix, 9);
	assert_int_equal(cfg.swap_mib, 0);
}

static void keys_serve_both_unless_told(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_ok(parse("{\"ssh\":{\"keys\":[\"" KEY "\"]}}", &err), &err);
	assert_int_equal(cfg.admin_key_count, 1);
	assert_string_equal(cfg.admin_keys[0], KEY);
	assert_ok(parse("{\"ssh\":{\"keys\":[\"" KEY "\"],\"admin_keys\":[]}}", &err), &err);
	assert_int_equal(cfg.key_count, 1);
	assert_int_equal(cfg.admin_key_count, 0); /* said: nobody */
}

/* What is wrong, and the path that must be blamed. */
static void bad_values_name_their_path(void **state)
{
	(void)state;
	static const struct {
		const char *text, *field;
	} cases[] = {
		{ "{\"hostnam\":\"x\"}", "hostnam" },
		{ "{\"hostname\":1}", "hostname" },
		{ "{\"hostname\":\"\"}", "hostname" },
		{ "{\"hostname\":\"a.b\"}", "hostname" },
		{ "{\"hostname\":\"A\"}", "hostname" },
		{ "{\"hostname\":\"-a\"}", "hostname" },
		{ "{\"hostname\":\"a-\"}", "hostname" },
		{ "{\"hostname\":\"a b\"}", "hostname" },
		{ "{\"hostname\":\"a_b\"}", "hostname" },
		{ "{\"hostname\":\"caf\xc3\xa9\"}", "hostname" },
		{ "{\"hostname\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "hostname" },
		{ "{\"hostname\":null}", "hostname" },
		{ "{\"domain\":\"a..b\"}", "domain" },
		{ "{\"domain\":\".a\"}", "domain" },
		{ "{\"domain\":\"a.\"}", "domain" },
		{ "{\"domain\":\"a.-b\"}", "domain" },
		{ "{\"domain\":\"a-.b\"}", "domain" },
		{ "{\"domain\":\"a/../b\"}", "domain" },
		{ "{\"ssh\":[]}", "ssh" },
		{ "{\"ssh\":{\"key\":[]}}", "ssh.key" },
		{ "{\"ssh\":{\"keys\":\"" KEY "\"}}", "ssh.keys" },
		{ "{\"ssh\":{\"keys\":[1]}}", "ssh.keys[0]" },
		{ "{\"ssh\":{\"keys\":[\"" KEY "\",\"\"]}}", "ssh.keys[1]" },
		{ "{\"ssh\":{\"keys\":[\"command=\\\"sh\\\" " KEY "\"]}}", "ssh.keys[0]" },
		{ "{\"ssh\":{\"keys\":[\"" KEY "\\n" KEY "\"]}}", "ssh.keys[0]" }, /* no second line smuggled in */
		{ "{\"ssh\":{\"admin_keys\":[\"nonsense\"]}}", "ssh.admin_keys[0]" },
		{ "{\"ssh\":{\"unlock_port\":0}}", "ssh.unlock_port" },
		{ "{\"ssh\":{\"unlock_port\":65536}}", "ssh.unlock_port" },
		{ "{\"ssh\":{\"unlock_port\":\"22\"}}", "ssh.unlock_port" },
		{ "{\"ssh\":{\"admin_port\":-1}}", "ssh.admin_port" },
		{ "{\"ssh\":{\"admin_port\":80}}", "ssh.admin_port" },
		{ "{\"ssh\":{\"admin_port\":443}}", "ssh.admin_port" },
		{ "{\"ssh\":{\"keys\":[\"" KEY "\"],\"unlock_port\":2200,\"admin_port\":2200}}", "ssh.unlock_port" },
		{ "{\"dns\":[\"127.0.0.1\"]}", "dns[0]" },
		{ "{\"dns\":[\"::\"]}", "dns[0]" },
		{ "{\"dns\":\"9.9.9.9\"}", "dns" },
		{ "{\"dns\":[\"9.9.9.9/32\"]}", "dns[0]" },
		{ "{\"dns\":[\"9.9.9.9\",\"dns.example\"]}", "dns[1]" },
		{ "{\"dns\":[\"9.9.9\"]}", "dns[0]" },
		{ "{\"dns\":[\"fe80::1%eth0\"]}", "dns[0]" },
		{ "{\"dns\":[\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\","
		  "\"1.1.1.1\"]}", "dns" },
		{ "{\"interfaces\":{}}", "interfaces" },
		{ "{\"interfaces\":[1]}", "interfaces[0]" },
		{ "{\"interfaces\":[{}]}", "interfaces[0].match" },
		{ "{\"interfaces\":[{\"match\":{}}]}", "interfaces[0].match" },
		{ "{\"interfaces\":[{\"match\":{\"name\":\"a\",\"mac\":\"52:54:00:12:34:56\"}}]}", "interfaces[0].match" },
		{ "{\"interfaces\":[{\"match\":{\"nam\":\"a\"}}]}", "interfaces[0].match.nam" },
		{ "{\"interfaces\":[{\"match\":{\"name\":\"0123456789abcdef\"}}]}", "interfaces[0].match.name" },
		{ "{\"interfaces\":[{\"match\":{\"name\":\"../net/x\"}}]}", "interfaces[0].match.name" },
		{ "{\"interfaces\":[{\"match\":{\"name\":\"eth 0\"}}]}", "interfaces[0].match.name" },
		{ "{\"interfaces\":[{\"match\":{\"name\":\"..\"}}]}", "interfaces[0].match.name" },
		{ "{\"interfaces\":[{\"match\":{\"mac\":\"52:54:00:12:34\"}}]}", "interfaces[0].match.mac" },
		{ "{\"interfaces\":[{\"match\":{\"mac\":\"52:54:00:12:34:5g\"}}]}", "interfaces[0].match.mac" },
		{ "{\"interfaces\":[{\"match\":{\"mac\":\"52:54:00:12:34: 6\"}}]}", "interfaces[0].match.mac" },
		{ "{\"interfaces\":[{\"match\":{\"mac\":\"52:54:00:12:-4:56\"}}]}", "interfaces[0].match.mac" },
		{ "{\"interfaces\":[{\"match\":{\"mac\":\"52-54-00-12-34-56\"}}]}", "interfaces[0].match.mac" },
		{ "{\"interfaces\":[{\"match\":{\"mac\":\"ff:ff:ff:ff:ff:ff\"}}]}", "interfaces[0].match.mac" },
		{ "{\"interfaces\":[{\"match\":{\"name\":\"a\"}},{\"match\":{\"name\":\"b\"},\"gatway4\":\"1.1.1.1\"}]}",
		  "interfaces[1].gatway4" },
#define IF(rest) "{\"interfaces\":[{\"match\":{\"name\":\"a\"}," rest "}]}"
		{ IF("\"addresses\":[\"192.0.2.1\"]"), "interfaces[0].addresses[0]" }, /* no prefix guessed */
		{ IF("\"addresses\":[\"192.0.2.1/33\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"192.0.2.1/\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"192.0.2.1/-1\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"192.0.2.1/24x\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"192.0.2.1/255.255.255.0\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"192.0.2.1/24\",\"2001:db8::1/129\"]"), "interfaces[0].addresses[1]" },
		{ IF("\"addresses\":[\"::1\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"300.0.2.1/24\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":\"192.0.2.1/24\""), "interfaces[0].addresses" },
		{ IF("\"addresses\":[\"192.0.2.1/0\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"2001:db8::1/0\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"0.0.0.0/24\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"127.0.0.2/8\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"224.0.0.1/24\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"255.255.255.255/32\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"::/64\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"::1/128\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"addresses\":[\"ff02::1/64\"]"), "interfaces[0].addresses[0]" },
		{ IF("\"gateway4\":\"0.0.0.0\""), "interfaces[0].gateway4" },
		{ IF("\"gateway4\":\"127.0.0.1\""), "interfaces[0].gateway4" },
		{ IF("\"gateway6\":\"ff02::2\""), "interfaces[0].gateway6" },
		{ "{\"interfaces\":[{\"match\":{\"name\":\"a\"},\"gateway4\":\"192.0.2.1\"},"
		  "{\"match\":{\"name\":\"b\"},\"gateway4\":\"192.0.2.2\"}]}", "interfaces[1].gateway4" },
		{ "{\"interfaces\":[{\"match\":{\"name\":\"a\"},\"gateway6\":\"fe80::1\"},"
		  "{\"match\":{\"name\":\"b\"},\"gateway6\":\"fe80::1\"}]}", "interfaces[1].gateway6" },
		{ IF("\"gateway4\":\"fe80::1\""), "interfaces[0].gateway4" },
		{ IF("\"gateway4\":\"192.0.2.1/24\""), "interfaces[0].gateway4" },
		{ IF("\"gateway6\":\"192.0.2.1\""), "interfaces[0].gateway6" },
		{ IF("\"gateway6\":\"\""), "interfaces[0].gateway6" },
		{ IF("\"dhcp\":\"yes\""), "interfaces[0].dhcp" },
		{ IF("\"mtu\":1279"), "interfaces[0].mtu" },
		{ IF("\"mtu\":9217"), "interfaces[0].mtu" },
		{ IF("\"mtu\":1500.5"), "interfaces[0].mtu" },
		{ "{\"containers\":[]}", "containers" },
		{ "{\"containers\":{\"pool\":1}}", "containers.pool" },
		{ "{\"containers\":{\"ipv4_pool\":\"10.77.0.0\"}}", "containers.ipv4_pool" },
		{ "{\"containers\":{\"ipv4_pool\":\"10.77.0.1/16\"}}", "containers.ipv4_pool" },
		{ "{\"containers\":{\"ipv4_pool\":\"10.0.0.0/7\"}}", "containers.ipv4_pool" },
		{ "{\"containers\":{\"ipv4_pool\":\"10.0.0.0/25\"}}", "containers.ipv4_pool" },
		{ "{\"containers\":{\"ipv4_pool\":\"fd00::/16\"}}", "containers.ipv4_pool" },
		{ "{\"swap_mib\":-1}", "swap_mib" },
		{ "{\"swap_mib\":1048577}", "swap_mib" },
		{ "{\"swap_mib\":\"2048\"}", "swap_mib" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct error err = ERROR_INIT;

		if (parse(cases[i].text, &err) != -1)
			fail_msg("took %s", cases[i].text);
		assert_int_equal(err.code, EINVAL);
		if (strcmp(err.field, cases[i].field) != 0)
			fail_msg("%s: blames '%s', not '%s' (%s)", cases[i].text, err.field, cases[i].field,
				 err.message);
		if (cfg.key_count == 0)
			assert_defaults();
	}
}

static void a_broken_file_leaves_the_defaults(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "{", "null", "[]", "{\"hostname\":\"a\",\"hostname\":\"b\"}", "{\"hostname\":\"a\"} x",
		"{\"ssh\":{\"keys\":[\"" KEY "\"]}", "\xff\xfe{\0}\0",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct error err = ERROR_INIT;

		if (parse(bad[i], &err) != -1)
			fail_msg("took '%s'", bad[i]);
		assert_true(err.message[0] != '\0');
		assert_defaults();
	}
}

static void a_mistake_elsewhere_keeps_the_keys(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_int_equal(parse("{\"hostname\":\"box1\",\"ssh\":{\"keys\":[\"" KEY "\"],\"unlock_port\":99},"
			       "\"interfaces\":[{\"match\":{\"name\":\"eth0\"},\"addresses\":[\"192.0.2.1/24\",\"x\"]}]}",
			       &err), -1);
	assert_string_equal(err.field, "interfaces[0].addresses[1]");
	assert_int_equal(cfg.key_count, 1);
	assert_string_equal(cfg.keys[0], KEY);
	assert_string_equal(cfg.admin_keys[0], KEY);
	assert_int_equal(cfg.unlock_port, 99);
	assert_string_equal(cfg.hostname, "bulkhead"); /* all else as without a file: DHCP everywhere */
	assert_int_equal(cfg.interface_count, 0);
	assert_int_equal(cfg.interfaces[0].address_count, 0);

	assert_int_equal(parse("{\"nope\":1,\"ssh\":{\"keys\":[\"" KEY "\",\"junk\"]}}", &err), -1);
	assert_string_equal(err.field, "nope"); /* the first fault is the one told */
	assert_int_equal(cfg.key_count, 1);
}

/* The verdict is as strict as ever; but each key and port that is sound counts. */
static void a_mistake_among_the_keys_keeps_the_others(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_int_equal(parse("{\"ssh\":{\"keys\":[1,\"no-pty " KEY "\",\"" KEY "\",\"ssh-ed25519 " BLOB "\"],"
			       "\"admin_keys\":[\"junk\",\"ssh-ed25519 " BLOB " admin\"],"
			       "\"unlock_port\":\"99\",\"admin_port\":2022}}", &err), -1);
	assert_string_equal(err.field, "ssh.unlock_port");
	assert_int_equal(cfg.key_count, 2);
	assert_string_equal(cfg.keys[0], KEY);
	assert_string_equal(cfg.keys[1], "ssh-ed25519 " BLOB);
	assert_int_equal(cfg.admin_key_count, 1);
	assert_string_equal(cfg.admin_keys[0], "ssh-ed25519 " BLOB " admin");
	assert_int_equal(cfg.unlock_port, 2222);
	assert_int_equal(cfg.admin_port, 2022);

	/* A key of the object that is not known: the lists hold. */
	assert_int_equal(parse("{\"ssh\":{\"keys\":[\"" KEY "\"],\"unlokc_port\":1}}", &err), -1);
	assert_string_equal(err.field, "ssh.unlokc_port");
	assert_int_equal(cfg.key_count, 1);
	assert_int_equal(cfg.admin_key_count, 1);

	/* Who may administer was said, if badly: then nobody does, not everybody who unlocks. */
	assert_int_equal(parse("{\"ssh\":{\"keys\":[\"" KEY "\"],\"admin_keys\":\"" KEY "\"}}", &err), -1);
	assert_int_equal(cfg.key_count, 1);
	assert_int_equal(cfg.admin_key_count, 0);

	assert_int_equal(parse("{\"ssh\":{\"admin_port\":443,\"unlock_port\":70000}}", &err), -1);
	assert_defaults();
}

static void more_keys_than_fit_are_cut(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	static char text[HOSTCFG_SIZE_MAX];

	strcpy(text, "{\"ssh\":{\"keys\":[\"junk\"");
	for (size_t i = 0; i < HOSTCFG_KEYS_MAX + 8; i++)
		sprintf(text + strlen(text), ",\"%s\"", KEY);
	strcat(text, "]}}");
	assert_int_equal(parse(text, &err), -1);
	assert_string_equal(err.field, "ssh.keys");
	assert_int_equal(cfg.key_count, HOSTCFG_KEYS_MAX);
	assert_string_equal(cfg.keys[HOSTCFG_KEYS_MAX - 1], KEY);
}

static void limits_hold_at_their_edge(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	static char text[HOSTCFG_SIZE_MAX];

	for (size_t count = HOSTCFG_INTERFACES_MAX; count <= HOSTCFG_INTERFACES_MAX + 1; count++) {
		strcpy(text, "{\"interfaces\":[");
		for (size_t i = 0; i < count; i++)
			sprintf(text + strlen(text), "%s{\"match\":{\"name\":\"eth%zu\"}}", i == 0 ? "" : ",", i);
		strcat(text, "]}");
		assert_int_equal(parse(text, &err), count > HOSTCFG_INTERFACES_MAX ? -1 : 0);
		assert_int_equal(cfg.interface_count, count > HOSTCFG_INTERFACES_MAX ? 0 : count);
	}
	for (size_t count = HOSTCFG_ADDRESSES_MAX; count <= HOSTCFG_ADDRESSES_MAX + 1; count++) {
		strcpy(text, "{\"interfaces\":[{\"match\":{\"name\":\"a\"},\"addresses\":[");
		for (size_t i = 0; i < count; i++)
			sprintf(text + strlen(text), "%s\"192.0.2.%zu/24\"", i == 0 ? "" : ",", i);
		strcat(text, "]}]}");
		assert_int_equal(parse(text, &err), count > HOSTCFG_ADDRESSES_MAX ? -1 : 0);
	}
	for (size_t count = HOSTCFG_KEYS_MAX; count <= HOSTCFG_KEYS_MAX + 1; count++) {
		strcpy(text, "{\"ssh\":{\"keys\":[");
		for (size_t i = 0; i < count; i++)
			sprintf(text + strlen(text), "%s\"%s\"", i == 0 ? "" : ",", KEY);
		strcat(text, "]}}");
		assert_int_equal(parse(text, &err), count > HOSTCFG_KEYS_MAX ? -1 : 0);
	}
	for (size_t size = HOSTCFG_KEY_MAX; size <= HOSTCFG_KEY_MAX + 1; size++) {
		static const char type[] = "ssh-rsa ";
		strcpy(text, "{\"ssh\":{\"keys\":[\"");
		strcat(text, type);
		size_t at = strlen(text);
		memset(text + at, 'A', size - strlen(type));
		strcpy(text + at + size - strlen(type), "\"]}}");
		assert_int_equal(parse(text, &err), size > HOSTCFG_KEY_MAX ? -1 : 0);
	}
	/* A domain of 191 bytes in labels of at most 63. */
	for (size_t size = 191; size <= 192; size++) {
		strcpy(text, "{\"domain\":\"");
		size_t at = strlen(text);
		for (size_t i = 0; i < size; i++)
			text[at + i] = i % 64 == 63 && i + 1 < size ? '.' : 'a';
		strcpy(text + at + size, "\"}");
		assert_int_equal(parse(text, &err), size > 191 ? -1 : 0);
	}
}

static void key_lines(void **state)
{
	(void)state;
	static const char *const good[] = {
		KEY, "ssh-ed25519 " BLOB, "ssh-rsa " BLOB "== two words", "ecdsa-sha2-nistp256 " BLOB "=",
		"sk-ssh-ed25519@openssh.com " BLOB " token",
	};
	static const char *const bad[] = {
		"", " ", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 AAAA", " " KEY, "ssh-ed25519  " BLOB,
		"ssh-ed25519\t" BLOB, "ssh-dss " BLOB, "ssh-ed2551 " BLOB, "ssh-ed255199 " BLOB,
		"no-pty " KEY, "command=\"/bin/sh\" " KEY, "# " KEY, "ssh-ed25519 " BLOB "!",
		"ssh-ed25519 " BLOB "\nssh-ed25519 " BLOB, "ssh-ed25519 " BLOB " c\r", "@cert-authority " KEY,
	};

	for (size_t i = 0; i < COUNT(good); i++)
		if (!hostcfg_key_valid(good[i]))
			fail_msg("refused '%s'", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (hostcfg_key_valid(bad[i]))
			fail_msg("took '%s'", bad[i]);
}

static void load_reads_a_file(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	char folder[PATH_MAX], path[PATH_MAX + 16];
	static char large[HOSTCFG_SIZE_MAX + 1];

	unit_folder_make(folder);
	snprintf(path, sizeof path, "%s/host.json", folder);
	memset(&cfg, 0xff, sizeof cfg);
	assert_int_equal(hostcfg_load(path, &cfg, &err), -1);
	assert_int_equal(err.code, ENOENT);
	assert_defaults();

	assert_ok(file_write(path, "{\"hostname\":\"box9\"}\n", 20, 0600, &err), &err);
	assert_ok(hostcfg_load(path, &cfg, &err), &err);
	assert_string_equal(cfg.hostname, "box9");

	assert_ok(file_write(path, "{\"hostnme\":\"box9\"}\n", 19, 0600, &err), &err);
	assert_int_equal(hostcfg_load(path, &cfg, &err), -1);
	assert_string_equal(err.field, "hostnme");
	assert_non_null(strstr(err.message, "host.json")); /* says which file */
	assert_defaults();

	memset(large, ' ', sizeof large);
	memcpy(large, "{}", 2);
	assert_ok(file_write(path, large, sizeof large, 0600, &err), &err);
	assert_int_equal(hostcfg_load(path, &cfg, &err), -1);
	assert_int_equal(err.code, EFBIG);
	assert_ok(file_write(path, large, sizeof large - 1, 0600, &err), &err);
	assert_ok(hostcfg_load(path, &cfg, &err), &err);
	unit_folder_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_as_documented),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(keys_serve_both_unless_told),
		cmocka_unit_test(bad_values_name_their_path),
		cmocka_unit_test(a_broken_file_leaves_the_defaults),
		cmocka_unit_test(a_mistake_elsewhere_keeps_the_keys),
		cmocka_unit_test(a_mistake_among_the_keys_keeps_the_others),
		cmocka_unit_test(more_keys_than_fit_are_cut),
		cmocka_unit_test(limits_hold_at_their_edge),
		cmocka_unit_test(key_lines),
		cmocka_unit_test(load_reads_a_file),
	};
	return cmocka_run_group_tests_name("hostcfg", tests, NULL, NULL);
}
