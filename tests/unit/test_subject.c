/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/throttle.c daemon/engine/subject.c daemon/engine/sweep.c daemon/engine/netset.c daemon/engine/nameset.c daemon/engine/class.c daemon/engine/group.c daemon/engine/commands.c daemon/engine/publish.c daemon/engine/address.c daemon/engine/step.c daemon/engine/netlink.c -lcrypto -lnftnl -lmnl -Wl,--wrap=step_run
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/engine/class.h"
#include "daemon/engine/element.h"
#include "daemon/engine/firewall.h"
#include "daemon/engine/flow.h"
#include "daemon/engine/fill.h"
#include "daemon/engine/netset.h"
#include "daemon/engine/shaper.h"
#include "daemon/engine/step.h"
#include "daemon/engine/subject.h"
#include "daemon/engine/sweep.h"
#include "daemon/engine/tally.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/ruleset.h"

#define ONE "111111111111111111111111"
#define TWO "222222222222222222222222"
#define PROJECT "333333333333333333333333"
#define REALM "444444444444444444444444"
#define RULE "aaaaaaaaaaaaaaaaaaaaaaaa"
#define NAMED "d0c43d3885064d9a"
#define ALLOWED "{\"egress_open\":false,\"rules\":[{\"direction\":\"egress\",\"action\":\"allow\",\"names\":[\"api.example.com\"]}],\"ports\":[]}"
#define SHORT "1cb4ed475c48cab5" /* of SHA-256 of 192.0.2.0/24 */
#define SET "bbbbbbbbbbbbbbbbbbbbbbbb"
#define DENY "{\"id\":\"" RULE "\",\"direction\":\"egress\",\"action\":\"deny\",\"protocol\":\"tcp\",\"ports\":[\"25\"]}"
#define RULES "{\"egress_open\":true,\"rules\":[" DENY "],\"ports\":[]}"
#define PLAIN "{\"egress_open\":true,\"rules\":[],\"ports\":[]}"
#define PUBLISHED "{\"egress_open\":true,\"rules\":[" DENY "],\"ports\":[{\"protocol\":\"tcp\",\"host_port\":8080,\"port\":80}]}"

/* The kernel: what it was told last, and what it is found to have. */
static struct {
	char commands[8192], before[8192]; /* and the time before */
	char steps[4096]; /* as text, of the last transaction */
	char rates[64];   /* LINK EGRESS INGRESS, what was set last */
	int runs, transactions, reviews, removed;
	uint32_t marks[2]; /* of links that end in 1 and in 2 */
	struct element_marks groups[2];
	const struct rule_groups *peer; /* of 10.0.0.5 */
	size_t filled; /* networks of the set that was filled last */
	bool there;    /* what an earlier engine has filled */
	bool holds;    /* what the last review found of 192.0.2.7 in SET */
	bool fails;
	char chain[32];
} kernel;

static struct error err;

int firewall_run(const char *commands, struct error *e)
{
	kernel.runs++;
	memcpy(kernel.before, kernel.commands, sizeof kernel.before);
	snprintf(kernel.commands, sizeof kernel.commands, "%s", commands);
	return kernel.fails ? error_set(e, EIO, "on purpose") : 0;
}

/* "add SET KEY -> DATA", in hex but for links. */
int __wrap_step_run(const struct step *steps, size_t count, struct error *e);
int __wrap_step_run(const struct step *steps, size_t count, struct error *e)
{
	static const char *const actions[] = { "add", "remove", "destroy" };
	FILE *out = fmemopen(kernel.steps, sizeof kernel.steps, "w");

	if (kernel.fails)
		return error_set(e, EIO, "on purpose");
	for (size_t i = 0; i < count; i++) {
		const struct step *step = &steps[i];
		fprintf(out, "%s %s ", actions[step->action], step->set);
		if (step->key[0] == 'h')
			fprintf(out, "%s", (const char *)step->key);
		for (size_t k = 0; step->key[0] != 'h' && k < step->key_size; k++)
			fprintf(out, "%02x", step->key[k]);
		for (size_t k = 0; step->action == STEP_ADD && k < step->data_size; k++)
			fprintf(out, "%s%02x", k == 0 ? " -> " : "", step->data[k]);
		if (step->action == STEP_ADD && step->limit.rate > 0)
			fprintf(out, " over %d, burst %u", (int)step->limit.rate, step->limit.burst);
		fprintf(out, "%s%s\n", step->chain[0] != '\0' ? " -> " : "", step->chain);
	}
	fclose(out);
	if (count > 0)
		kernel.transactions++;
	return 0;
}

int shaper_set(const char *link, const struct traffic *before, const struct traffic *now, struct error *e)
{
	(void)e;
	if (before == NULL || memcmp(before, now, sizeof *now) != 0)
		snprintf(kernel.rates, sizeof kernel.rates, "%s %d %d", link, (int)now->limits[TRAFFIC_EGRESS], (int)now->limits[TRAFFIC_INGRESS]);
	return 0;
}

int shaper_count(const char *link, const struct traffic *traffic, json_t *counts, struct error *e)
{
	(void)link;
	(void)e;
	if (traffic->limits[TRAFFIC_EGRESS] != 0)
		json_object_set_new(counts, "egress_rate", json_pack("[i, i]", 7, 0));
	return 0;
}

int element_marks_set(const char *link, const struct element_marks *before, const struct element_marks *now, struct error *e)
{
	size_t which = (size_t)(link[strlen(link) - 1] - '1');

	(void)e;
	assert_memory_equal(before, &kernel.groups[which], sizeof *before);
	kernel.groups[which] = *now;
	kernel.marks[which] = now->class;
	kernel.removed += now->class == 0;
	return 0;
}

int flow_review(uint32_t ipv4, const uint8_t ipv6[16], const struct ruleset *set, flow_peer_cb *peer, rule_set_holds_cb *set_holds,
		rule_name_holds_cb *name_holds, struct error *e)
{
	struct cidr far = { .family = AF_INET, .prefix = 32, .bytes = { 10, 0, 0, 5 } }, listed = { .family = AF_INET, .prefix = 32, .bytes = { 192, 0, 2, 7 } };

	kernel.peer = peer(&far);
	kernel.holds = set_holds(SET, &listed, NULL);
	(void)name_holds;
	(void)ipv4;
	(void)ipv6;
	(void)set;
	(void)e;
	kernel.reviews++;
	return 0;
}

int tally_counters(tally_counter_cb *cb, void *data, struct error *e)
{
	(void)e;
	cb("r_" RULE, 3, 300, data);
	cb("r_bbbbbbbbbbbbbbbbbbbbbbbb", 1, 100, data);
	return 0;
}

int tally_chains(tally_name_cb *cb, void *data, struct error *e)
{
	(void)e;
	cb("egress", data);
	cb("e_0123456789abcdef", data);
	return 0;
}

int tally_sets(tally_name_cb *cb, void *data, struct error *e)
{
	(void)e;
	cb("live", data);
	cb("f_0123456789abcdef", data);
	cb("a4_" SET "_" SHORT, data);
	cb("a6_" SET "_0123456789abcdef", data);
	cb("n4_0123456789abcdef", data);
	cb("n6_" NAMED, data);
	return 0;
}

int fill_sets(const char *set4, const char *set6, const struct address_set *addresses, struct error *e)
{
	assert_memory_equal(set4, "a4_" SET "_", 28);
	assert_memory_equal(set6, "a6_" SET "_", 28);
	kernel.filled = addresses->count;
	return kernel.there ? error_set(e, EEXIST, "it is there") : 0;
}

int tally_elements(const char *set, tally_element_cb *cb, void *data, struct error *e)
{
	uint8_t link[16] = "h9999999999", member[20] = "\x11\x11\x11\x11h9999999999", mark[4] = { 1, 2, 3, 4 }, port[8] = { 17, 0, 0, 0, 0x13, 0x88 };

	(void)e;
	if (strcmp(set, "class") == 0 || strcmp(set, "realm_of") == 0)
		cb(link, sizeof link, data);
	else if (strcmp(set, "members") == 0)
		cb(member, sizeof member, data);
	else if (strcmp(set, "publish4") == 0)
		cb(port, sizeof port, data);
	else
		cb(mark, sizeof mark, data);
	return 0;
}

int tally_timed(const char *set, tally_timed_cb *cb, void *data, struct error *e)
{
	(void)set;
	(void)cb;
	(void)data;
	(void)e;
	return 0;
}

int tally_links(const char *set, tally_link_cb *cb, void *data, struct error *e)
{
	char link[16] = "h1111111111", other[16] = "h9999999999";

	(void)e;
	if (strcmp(set, "limit_new") != 0)
		return 0;
	cb(link, 5, 500, data);
	cb(other, 7, 700, data);
	return 0;
}

static int apply(const char *id, const char *text)
{
	struct subject_place where = { .groups = { .project = PROJECT, .realm = REALM }, .ipv4 = 0x0500000a, .ipv6 = { 0xfd } };
	struct ruleset set;

	snprintf(where.groups.container, ID_TEXT, "%s", id);
	json_t *object = json_parse(text, strlen(text), &err);
	assert_made(object, &err);
	assert_ok(ruleset_read(object, &set, &err), &err);
	json_decref(object);
	return subject_apply(&where, &set, &err);
}

static int fill(const char *list)
{
	struct address_set set;

	assert_ok(address_set_parse(list, strlen(list), &set, &err), &err);
	return netset_set(SET, &set, class_rewrite, &err);
}

static int bench_open(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof kernel);
	err = (struct error)ERROR_INIT;
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	subject_forget(ONE);
	subject_forget(TWO);
	netset_list_begin();
	netset_list_end();
	return 0;
}

static void the_same_rules_are_one_class(void **state)
{
	(void)state;
	assert_ok(apply(ONE, RULES), &err);
	assert_int_equal(kernel.runs, 1);
	assert_non_null(strstr(kernel.commands, "tcp dport 25 counter name \"r_" RULE "\" drop\n"));
	assert_ok(apply(TWO, RULES), &err);
	assert_int_equal(kernel.runs, 1);
	assert_int_not_equal(kernel.marks[0], 0);
	assert_int_equal(kernel.marks[0], kernel.marks[1]);
	/* Another one leaves: the chains stay for who is left, and go with the last. */
	assert_ok(apply(ONE, PLAIN), &err);
	assert_int_not_equal(kernel.marks[0], kernel.marks[1]);
	assert_int_equal(kernel.runs, 2);
	subject_forget(TWO);
	assert_int_equal(kernel.runs, 3);
	assert_non_null(strstr(kernel.commands, "destroy chain inet bulkhead e_"));
	assert_memory_equal(kernel.steps, "destroy egress_of ", 18); /* before them what leads there */
	assert_non_null(strstr(kernel.commands, "destroy counter inet bulkhead r_" RULE));
}

static void flows_are_looked_at_when_something_changed(void **state)
{
	(void)state;
	assert_ok(apply(ONE, RULES), &err);
	assert_int_equal(kernel.reviews, 1);
	assert_ok(apply(ONE, RULES), &err);
	assert_int_equal(kernel.reviews, 1);
	assert_ok(apply(ONE, PUBLISHED), &err);
	assert_int_equal(kernel.reviews, 2);
	assert_string_equal(kernel.steps, "destroy publish4 060000001f900000\ndestroy publish6 060000001f900000\n"
					  "add publish4 060000001f900000 -> 0a00000500500000\n"
					  "add publish6 060000001f900000 -> fd00000000000000000000000000000000500000\n");
	assert_ok(apply(ONE, RULES), &err);
	assert_int_equal(kernel.reviews, 3);
	assert_string_equal(kernel.steps, "destroy publish4 060000001f900000\ndestroy publish6 060000001f900000\n");
}

static void what_the_kernel_refuses_changes_nothing(void **state)
{
	(void)state;
	assert_ok(apply(ONE, PLAIN), &err);
	uint32_t before = kernel.marks[0];
	kernel.fails = true;
	assert_int_equal(apply(ONE, RULES), -1);
	assert_int_equal(kernel.marks[0], before);
	assert_int_equal(apply(TWO, RULES), -1);
	kernel.fails = false;
	assert_ok(apply(ONE, RULES), &err);
	assert_int_not_equal(kernel.marks[0], before);
}

static void what_nobody_named_goes(void **state)
{
	struct ruleset set;

	(void)state;
	json_t *object = json_parse(ALLOWED, strlen(ALLOWED), &err);
	assert_ok(ruleset_read(object, &set, &err), &err);
	json_decref(object);
	struct class *named = class_get(&set, &err);
	assert_made(named, &err);
	assert_ok(apply(ONE, PUBLISHED), &err);
	assert_ok(apply(TWO, PLAIN), &err);
	assert_ok(fill("192.0.2.0/24"), &err);
	subject_list_begin();
	assert_ok(apply(ONE, PUBLISHED), &err);
	subject_list_end();
	sweep_run();
	assert_int_equal(kernel.removed, 1);
	assert_int_equal(kernel.marks[1], 0);
	assert_non_null(strstr(kernel.commands, "destroy element inet bulkhead class { \"h9999999999\" }"));
	assert_non_null(strstr(kernel.commands, "destroy element inet bulkhead limit_new { \"h9999999999\" }"));
	assert_non_null(strstr(kernel.commands, "limit_new { \"h1111111111\" }")); /* which has no limits by now */
	assert_non_null(strstr(kernel.commands, "destroy element inet bulkhead realm_of { \"h9999999999\" }"));
	assert_non_null(strstr(kernel.commands, "destroy element inet bulkhead members { 0x11111111 . \"h9999999999\" }"));
	assert_non_null(strstr(kernel.commands, "destroy element inet bulkhead egress_of { 0x04030201 }"));
	assert_non_null(strstr(kernel.commands, "destroy element inet bulkhead publish6 { udp . 5000 }"));
	assert_non_null(strstr(kernel.commands, "destroy chain inet bulkhead e_0123456789abcdef"));
	assert_non_null(strstr(kernel.commands, "destroy counter inet bulkhead r_bbbbbbbbbbbbbbbbbbbbbbbb"));
	assert_non_null(strstr(kernel.commands, "destroy set inet bulkhead f_0123456789abcdef"));
	assert_non_null(strstr(kernel.commands, "destroy set inet bulkhead a6_" SET "_0123456789abcdef"));
	assert_non_null(strstr(kernel.commands, "destroy set inet bulkhead n4_0123456789abcdef\n"));
	assert_null(strstr(kernel.commands, NAMED));
	assert_null(strstr(kernel.commands, "a4_"));
	assert_null(strstr(kernel.commands, RULE));
	assert_null(strstr(kernel.commands, "8080"));
	class_put(named);
}

/* The other's end comes late: it must not take along what leads elsewhere by then. */
static void a_port_that_was_taken_over_stays(void **state)
{
	(void)state;
	assert_ok(apply(ONE, PUBLISHED), &err);
	assert_ok(apply(TWO, PUBLISHED), &err);
	kernel.transactions = 0;
	subject_forget(ONE);
	assert_int_equal(kernel.transactions, 0); /* the class stays, TWO has it */
	assert_ok(apply(TWO, RULES), &err);
	assert_string_equal(kernel.steps, "destroy publish4 060000001f900000\ndestroy publish6 060000001f900000\n");
}

static void counts_are_the_members_rules_alone(void **state)
{
	char text[256] = "";

	(void)state;
	assert_ok(apply(ONE, RULES), &err);
	int fd = subject_count(ONE, &err);
	assert_int_not_equal(fd, -1);
	assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
	close(fd);
	assert_string_equal(text, "{\"" RULE "\":[3,300],\"names\":{}}");
	fd = subject_count(TWO, &err);
	memset(text, 0, sizeof text);
	assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
	close(fd);
	assert_string_equal(text, "{}");
}

#define LIMITED "{\"egress_open\":true,\"rules\":[],\"ports\":[],\"limits\":{\"connections\":10,\"new_per_second\":20,\"egress_rate\":100000}}"
#define NARROWER "{\"egress_open\":true,\"rules\":[],\"ports\":[],\"limits\":{\"connections\":10,\"new_per_second\":5,\"egress_rate\":100000}}"

#define CONNECTIONS "{\"egress_open\":true,\"rules\":[],\"ports\":[],\"limits\":{\"connections\":10}}"

static void limits_are_elements_that_change_one_by_one(void **state)
{
	char text[256] = "";

	(void)state;
	assert_ok(apply(ONE, PLAIN), &err);
	assert_ok(apply(TWO, PLAIN), &err); /* so that its class stays */
	assert_ok(apply(ONE, LIMITED), &err);
	assert_non_null(strstr(kernel.commands, "add chain"));
	assert_string_equal(kernel.steps, "destroy limit_new h1111111111\nadd limit_new h1111111111 over 20, burst 20\n");
	assert_string_equal(kernel.rates, "h1111111111 100000 0");
	int fd = subject_count(ONE, &err);
	assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
	close(fd);
	assert_string_equal(text, "{\"new_per_second\":[5,500],\"egress_rate\":[7,0],\"names\":{}}");
	assert_ok(apply(ONE, NARROWER), &err);
	assert_string_equal(kernel.steps, "destroy limit_new h1111111111\nadd limit_new h1111111111 over 5, burst 5\n");
	kernel.transactions = 0;
	kernel.rates[0] = '\0';
	assert_ok(apply(ONE, NARROWER), &err); /* the second time */
	assert_int_equal(kernel.transactions, 0);
	assert_string_equal(kernel.rates, "");
	assert_ok(subject_link_made("h1111111111", &err), &err);
	assert_string_equal(kernel.rates, "h1111111111 100000 0");
	assert_ok(apply(ONE, CONNECTIONS), &err);
	assert_string_equal(kernel.steps, "destroy limit_new h1111111111\n");
	assert_string_equal(kernel.rates, "h1111111111 0 0");
	subject_forget(ONE);
	assert_non_null(strstr(kernel.commands, "destroy set inet bulkhead f_"));
	assert_ok(apply(ONE, CONNECTIONS), &err);
	const char *rule = strstr(kernel.commands, " { iifname ct count over 10 } counter name \"f_");
	assert_non_null(rule);
	assert_non_null(strstr(rule, " { oifname ct count over 10 } counter name \"f_"));
}

#define PEERS "{\"egress_open\":true,\"internal_open\":true,\"rules\":[{\"id\":\"" RULE "\",\"direction\":\"ingress\",\"action\":\"allow\"," \
	      "\"containers\":[\"" TWO "\"],\"projects\":[\"" PROJECT "\"]}],\"ports\":[]}"

static void groups_are_marks_that_links_and_rules_share(void **state)
{
	(void)state;
	assert_ok(apply(ONE, PEERS), &err);
	assert_non_null(strstr(kernel.commands, "meta mark set 0x22222222 meta mark . iifname @members counter name \"r_" RULE "\" accept\n"));
	assert_non_null(strstr(kernel.commands, "meta mark set 0x33333333 meta mark . iifname @members"));
	assert_null(strstr(kernel.commands, "iifname \"h*\" drop"));
	assert_int_equal(kernel.groups[0].container, 0x11111111);
	assert_int_equal(kernel.groups[0].project, 0x33333333);
	assert_int_equal(kernel.groups[0].realm, 0x44444444);
	assert_string_equal(kernel.peer->container, ONE);
	/* A realm that is closed within is another class, though the rules are the same. */
	assert_ok(apply(TWO, PLAIN), &err);
	assert_non_null(strstr(kernel.commands, "iifname \"h*\" drop"));
	/* Two ids that begin alike are two groups. */
	subject_forget(TWO);
	assert_ok(apply("111111112222222222222222", PLAIN), &err);
	assert_int_equal(kernel.groups[1].container, 0x11111112);
	subject_forget("111111112222222222222222");
}

#define LISTED "{\"egress_open\":true,\"rules\":[{\"id\":\"" RULE "\",\"direction\":\"egress\",\"action\":\"deny\",\"protocol\":\"icmp\"," \
	       "\"address_sets\":[\"" SET "\"]},{\"direction\":\"ingress\",\"action\":\"deny\",\"address_sets\":[\"" SET "\"]}],\"ports\":[]}"

static void who_names_a_set_is_looked_at_when_it_changes(void **state)
{
	(void)state;
	assert_ok(apply(ONE, LISTED), &err);
	assert_null(strstr(kernel.commands, "_" SET)); /* not known yet: nobody is in it */
	assert_ok(fill("192.0.2.0/24"), &err);
	assert_int_equal(kernel.filled, 1);
	assert_non_null(strstr(kernel.commands, "flush chain"));
	assert_non_null(strstr(kernel.commands, "ip daddr @a4_" SET "_" SHORT " meta l4proto icmp counter name \"r_" RULE "\" drop\n"));
	assert_null(strstr(kernel.commands, "ip6 daddr @a6_" SET)); /* no packet is of both */
	assert_non_null(strstr(kernel.commands, "ip6 saddr @a6_" SET "_" SHORT " counter"));
	assert_ok(apply(TWO, RULES), &err);
	kernel.reviews = 0;
	assert_ok(subject_review_set(SET, &err), &err);
	assert_int_equal(kernel.reviews, 1);
	assert_true(kernel.holds);
	/* Others: rules are led there before what they were is taken away. */
	assert_ok(fill("198.51.100.0/24\n2001:db8::/32\n"), &err);
	assert_int_equal(kernel.filled, 2);
	assert_non_null(strstr(kernel.before, "ip daddr @a4_" SET "_"));
	assert_null(strstr(kernel.before, SHORT));
	assert_string_equal(kernel.commands, "destroy set inet bulkhead a4_" SET "_" SHORT "\ndestroy set inet bulkhead a6_" SET "_" SHORT "\n");
	/* The same again is nothing to do. */
	int runs = kernel.runs;
	assert_ok(fill("2001:db8::/32\n198.51.100.0/24\n"), &err);
	assert_int_equal(kernel.runs, runs);
	/* What the kernel does not take is not in force here either. */
	kernel.fails = true;
	assert_int_equal(fill("192.0.2.0/24"), -1);
	assert_int_equal(netset_forget(SET, &err), -1);
	kernel.fails = false;
	assert_ok(subject_review_set(SET, &err), &err);
	assert_false(kernel.holds);
	/* What was filled before is taken as it is. */
	kernel.there = true;
	assert_ok(fill("192.0.2.0/24"), &err);
	assert_ok(subject_review_set(SET, &err), &err);
	assert_true(kernel.holds);
	assert_ok(netset_forget(SET, &err), &err);
	assert_string_equal(kernel.commands, "destroy set inet bulkhead a4_" SET "_" SHORT "\ndestroy set inet bulkhead a6_" SET "_" SHORT "\n");
	assert_false(netset_present("a4_" SET "_" SHORT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_rules_are_one_class, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(limits_are_elements_that_change_one_by_one, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(groups_are_marks_that_links_and_rules_share, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(who_names_a_set_is_looked_at_when_it_changes, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(flows_are_looked_at_when_something_changed, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(what_the_kernel_refuses_changes_nothing, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(what_nobody_named_goes, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(a_port_that_was_taken_over_stays, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(counts_are_the_members_rules_alone, bench_open, bench_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
