/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <arpa/inet.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/rule.h"
#include "daemon/lib/ruleset.h"

#define BOX "cccccccccccccccccccccccc"
#define OTHER "dddddddddddddddddddddddd"
#define PROJECT "bbbbbbbbbbbbbbbbbbbbbbbb"
#define RULE "{\"direction\":\"egress\",\"action\":\"deny\""

static struct error err;

static int rule_parse(const char *text, struct rule *rule)
{
	err = (struct error)ERROR_INIT;
	json_t *object = json_parse(text, strlen(text), &err);
	assert_non_null(object);
	int result = rule_read(object, "rules[0]", rule, &err);
	json_decref(object);
	return result;
}

static void networks(void **state)
{
	static const char *const bad[] = {
		"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.1/8", "10.0.0/8", "2001:db8::1/64", "::/129", "x",
		"10.0.0.0/8 ", "10.0.0.0/8/8", "1234567890123456789012345678901234567890123456/1",
	};
	static const struct {
		const char *outer, *inner;
		bool holds;
	} pairs[] = {
		{ "10.0.0.0/8", "10.255.0.0/16", true },  { "10.0.0.0/8", "11.0.0.0/16", false }, { "10.0.0.0/16", "10.0.0.0/8", false },
		{ "0.0.0.0/0", "192.0.2.1", true },       { "0.0.0.0/0", "::1", false },          { "192.0.2.128/25", "192.0.2.129", true },
		{ "192.0.2.128/25", "192.0.2.127", false }, { "2001:db8::/33", "2001:db8:7fff::", true }, { "2001:db8::/33", "2001:db8:8000::", false },
		{ "192.0.2.1", "192.0.2.1", true },
	};
	struct cidr one, other;
	char text[CIDR_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(cidr_parse(bad[i], &one, &err), -1);
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		assert_ok(cidr_parse(pairs[i].outer, &one, &err), &err);
		assert_ok(cidr_parse(pairs[i].inner, &other, &err), &err);
		assert_int_equal(cidr_holds(&one, &other), pairs[i].holds);
		cidr_format(&one, text);
		assert_string_equal(text, pairs[i].outer);
	}
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *field;
	} bad[] = {
		{ "{\"action\":\"deny\"}", "rules[0].direction" },
		{ "{\"direction\":\"egress\"}", "rules[0].action" },
		{ RULE ",\"protocol\":\"sctp\"}", "rules[0].protocol" },
		{ RULE ",\"protocol\":\"tcp\",\"ports\":[\"\"]}", "rules[0].ports[0]" },
		{ RULE ",\"protocol\":\"tcp\",\"ports\":[\"80\",\"-\"]}", "rules[0].ports[1]" },
		{ RULE ",\"protocol\":\"tcp\",\"ports\":[\"80-\"]}", "rules[0].ports[0]" },
		{ RULE ",\"protocol\":\"tcp\",\"ports\":[\"-80\"]}", "rules[0].ports[0]" },
		{ RULE ",\"protocol\":\"tcp\",\"ports\":[\"1-2-3\"]}", "rules[0].ports[0]" },
		{ RULE ",\"protocol\":\"tcp\",\"ports\":[\"1--3\"]}", "rules[0].ports[0]" },
		{ RULE ",\"protocol\":\"tcp\",\"ports\":[\"65536\"]}", "rules[0].ports[0]" },
		{ RULE ",\"protocol\":\"tcp\",\"ports\":[\"99999-100000\"]}", "rules[0].ports[0]" },
		{ RULE ",\"protocol\":\"tcp\",\"ports\":[80]}", "rules[0].ports[0]" },
		{ RULE ",\"ports\":[\"80\"]}", "rules[0].ports" },
		{ RULE ",\"protocol\":\"icmp\",\"addresses\":[\"2001:db8::/32\"]}", "rules[0].addresses" },
		{ RULE ",\"addresses\":[\"192.0.2.1\",\"192.0.2.1/24\"]}", "rules[0].addresses[1]" },
		{ RULE ",\"expires_at\":\"2026-13-01T00:00:00Z\"}", "rules[0].expires_at" },
		{ RULE ",\"expires_at\":\"2026-12-01T00:00:00\"}", "rules[0].expires_at" },
		{ RULE ",\"expires_at\":\"2026-12-01T00:00:00Z \"}", "rules[0].expires_at" },
		{ RULE ",\"id\":\"12\"}", "rules[0].id" },
		{ RULE ",\"containers\":[\"" BOX "\",\"12\"]}", "rules[0].containers[1]" },
		{ RULE ",\"projects\":[7]}", "rules[0].projects[0]" },
		{ RULE ",\"more\":1}", "rules[0].more" },
	};
	struct rule rule;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(rule_parse(bad[i].text, &rule), -1);
		assert_string_equal(err.field, bad[i].field);
	}
}

static void a_rule_has_a_normal_form(void **state)
{
	struct rule rule, again;

	(void)state;
	assert_ok(rule_parse(RULE ",\"protocol\":\"udp\",\"ports\":[\"90-100\",\"80\",\"95-110\",\"111\",\"81\",\"65535\"],"
				  "\"addresses\":[\"10.1.0.0/16\",\"10.0.0.0/8\",\"10.2.0.0/16\",\"2001:db8::1\"],"
				  "\"expires_at\":\"2026-12-31T23:59:59Z\",\"comment\":\"why\",\"priority\":7,\"enabled\":false}", &rule), &err);
	assert_true(id_valid(rule.id));
	assert_int_equal(rule.port_count, 3);
	assert_int_equal(rule.ports[0].first, 80);
	assert_int_equal(rule.ports[0].last, 81);
	assert_int_equal(rule.ports[1].first, 90);
	assert_int_equal(rule.ports[1].last, 111);
	assert_int_equal(rule.address_count, 2);
	assert_int_equal(rule.expires_ms, 1798761599000);
	json_t *object = rule_json(&rule);
	assert_ok(rule_read(object, "rules[0]", &again, &err), &err);
	json_t *second = rule_json(&again);
	assert_true(json_equal(object, second));
	json_decref(object);
	json_decref(second);
	/* An empty list of ports says the same as none; a port at the end of all does not run over. */
	assert_ok(rule_parse(RULE ",\"protocol\":\"tcp\",\"ports\":[\"1-65535\",\"65535\"],\"addresses\":[]}", &rule), &err);
	assert_int_equal(rule.port_count, 1);
	assert_int_equal(rule.ports[0].last, 65535);
}

static void peers_are_each_named_once(void **state)
{
	char text[64 * 30 + 256] = RULE ",\"projects\":[\"" PROJECT "\"],\"containers\":[";
	struct rule rule, again;

	(void)state;
	assert_ok(rule_parse(RULE ",\"projects\":[\"" PROJECT "\"],\"containers\":[\"" BOX "\",\"" OTHER "\",\"" BOX "\"]}", &rule), &err);
	assert_int_equal(rule.peer_count, 3);
	json_t *object = rule_json(&rule);
	assert_ok(rule_read(object, "rules[0]", &again, &err), &err);
	json_t *second = rule_json(&again);
	assert_true(json_equal(object, second));
	json_decref(object);
	json_decref(second);
	/* Both lists together have the limit. */
	for (int i = 0; i < RULE_PEERS_MAX; i++)
		snprintf(text + strlen(text), 32, "%s\"%024x\"", i == 0 ? "" : ",", i);
	strcat(text, "]}");
	assert_int_equal(rule_parse(text, &rule), -1);
	assert_string_equal(err.field, "rules[0].projects[0]");
}

static void a_peer_is_known_by_its_groups(void **state)
{
	static const struct rule_groups box = { BOX, PROJECT, "" }, other = { OTHER, PROJECT, "" }, stranger = { PROJECT, BOX, "" };
	struct ruleset set = { .egress_open = true };
	struct rule_packet p = { .direction = RULE_INGRESS, .protocol = IPPROTO_TCP, .far = { .family = AF_INET, .prefix = 32 }, .port = 80 };
	const struct rule *decides;
	struct rule rule;

	(void)state;
	assert_ok(rule_parse("{\"direction\":\"ingress\",\"action\":\"allow\",\"containers\":[\"" BOX "\"],\"addresses\":[\"192.0.2.0/24\"]}", &rule), &err);
	assert_false(rule_matches(&rule, &p));
	p.peer = &box;
	assert_true(rule_matches(&rule, &p));
	p.peer = &other;
	assert_false(rule_matches(&rule, &p));
	p.peer = &stranger; /* ids of one kind are not those of the other */
	assert_false(rule_matches(&rule, &p));
	p.far.bytes[0] = 192, p.far.bytes[2] = 2;
	assert_true(rule_matches(&rule, &p));
	assert_ok(rule_parse("{\"direction\":\"ingress\",\"action\":\"deny\",\"projects\":[\"" PROJECT "\"]}", &rule), &err);
	assert_false(rule_matches(&rule, &p));
	p.peer = &other;
	assert_true(rule_matches(&rule, &p));
	/* Where no rule decides: from outside what is published, from a container what the realm says. */
	assert_int_equal(ruleset_decide(&set, &p, &decides), RULE_DENY);
	set.internal_open = true;
	assert_int_equal(ruleset_decide(&set, &p, &decides), RULE_ALLOW);
	set.internal_open = false;
	p.peer = NULL;
	assert_int_equal(ruleset_decide(&set, &p, &decides), RULE_ALLOW);
}

static struct rule_packet packet(enum rule_direction direction, uint8_t protocol, const char *far, uint16_t port)
{
	struct rule_packet made = { .direction = direction, .protocol = protocol, .port = port };

	assert_ok(cidr_parse(far, &made.far, &err), &err);
	return made;
}

static void the_first_that_matches_decides(void **state)
{
	static const char text[] =
		"{\"egress_open\":false,\"ports\":[{\"protocol\":\"udp\",\"host_port\":5000,\"port\":53}],\"rules\":["
		"{\"direction\":\"egress\",\"action\":\"log\"},"
		"{\"direction\":\"egress\",\"action\":\"reject\",\"protocol\":\"tcp\",\"addresses\":[\"192.0.2.0/25\"]},"
		"{\"direction\":\"egress\",\"action\":\"allow\",\"protocol\":\"tcp\",\"addresses\":[\"192.0.2.0/24\"],\"ports\":[\"80-90\"]},"
		"{\"direction\":\"egress\",\"action\":\"allow\",\"protocol\":\"icmpv6\"},"
		"{\"direction\":\"ingress\",\"action\":\"deny\",\"addresses\":[\"198.51.100.0/24\"]}]}";
	static const struct {
		enum rule_direction direction;
		uint8_t protocol;
		const char *far;
		uint16_t port;
		enum rule_action action;
		int rule; /* -1: none decides */
	} wanted[] = {
		{ RULE_EGRESS, IPPROTO_TCP, "192.0.2.1", 80, RULE_REJECT, 1 },
		{ RULE_EGRESS, IPPROTO_TCP, "192.0.2.200", 80, RULE_ALLOW, 2 },
		{ RULE_EGRESS, IPPROTO_TCP, "192.0.2.200", 90, RULE_ALLOW, 2 },
		{ RULE_EGRESS, IPPROTO_TCP, "192.0.2.200", 91, RULE_DENY, -1 },
		{ RULE_EGRESS, IPPROTO_UDP, "192.0.2.200", 80, RULE_DENY, -1 },
		{ RULE_EGRESS, IPPROTO_ICMPV6, "2001:db8::1", 0, RULE_ALLOW, 3 },
		{ RULE_EGRESS, IPPROTO_ICMP, "192.0.2.1", 0, RULE_DENY, -1 },
		{ RULE_INGRESS, IPPROTO_UDP, "198.51.100.7", 53, RULE_DENY, 4 },
		{ RULE_INGRESS, IPPROTO_UDP, "203.0.113.7", 53, RULE_ALLOW, -1 },
	};
	struct ruleset set, again;
	const struct rule *rule;

	(void)state;
	json_t *object = json_parse(text, strlen(text), &err);
	assert_made(object, &err);
	assert_ok(ruleset_read(object, &set, &err), &err);
	json_decref(object);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		struct rule_packet p = packet(wanted[i].direction, wanted[i].protocol, wanted[i].far, wanted[i].port);
		assert_int_equal(ruleset_decide(&set, &p, &rule), wanted[i].action);
		assert_int_equal(rule == NULL ? -1 : rule - set.rules, wanted[i].rule);
	}
	set.egress_open = true;
	struct rule_packet p = packet(RULE_EGRESS, IPPROTO_UDP, "192.0.2.200", 80);
	assert_int_equal(ruleset_decide(&set, &p, &rule), RULE_ALLOW);
	object = ruleset_json(&set);
	assert_ok(ruleset_read(object, &again, &err), &err);
	json_decref(object);
	assert_int_equal(again.rule_count, 5);
	assert_int_equal(again.ports[0].host_port, 5000);
	assert_int_equal(again.ports[0].protocol, RULE_UDP);
	ruleset_free(&set);
	ruleset_free(&again);
}

static void closed_networks(void **state)
{
	static const char *const closed[] = { "127.0.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255", "0.0.0.0", "::1", "fe80::1", "fd00::1", "ff02::1" };
	static const char *const open[] = { "10.0.0.1", "192.0.2.1", "223.255.255.255", "2001:db8::1", "64:ff9b::1" };
	struct cidr address;

	(void)state;
	for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
		assert_ok(cidr_parse(closed[i], &address, &err), &err);
		assert_true(ruleset_closed(&address));
	}
	for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
		assert_ok(cidr_parse(open[i], &address, &err), &err);
		assert_false(ruleset_closed(&address));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_rule_has_a_normal_form),
		cmocka_unit_test(peers_are_each_named_once),
		cmocka_unit_test(a_peer_is_known_by_its_groups),
		cmocka_unit_test(the_first_that_matches_decides),
		cmocka_unit_test(closed_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
