/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/class.c daemon/engine/commands.c daemon/engine/publish.c daemon/engine/address.c -lcrypto
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/engine/class.h"
#include "daemon/engine/element.h"
#include "daemon/engine/firewall.h"
#include "daemon/engine/flow.h"
#include "daemon/engine/tally.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/ruleset.h"

#define ONE "111111111111111111111111"
#define TWO "222222222222222222222222"
#define RULE "aaaaaaaaaaaaaaaaaaaaaaaa"
#define DENY "{\"id\":\"" RULE "\",\"direction\":\"egress\",\"action\":\"deny\",\"protocol\":\"tcp\",\"ports\":[\"25\"]}"
#define RULES "{\"egress_open\":true,\"rules\":[" DENY "],\"ports\":[]}"
#define PLAIN "{\"egress_open\":true,\"rules\":[],\"ports\":[]}"
#define PUBLISHED "{\"egress_open\":true,\"rules\":[" DENY "],\"ports\":[{\"protocol\":\"tcp\",\"host_port\":8080,\"port\":80}]}"

/* The kernel: what it was told last, and what it is found to have. */
static struct {
	char commands[8192], before[8192]; /* and the time before */
	int runs, reviews, removed;
	uint32_t marks[2]; /* of links that end in 1 and in 2 */
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

int element_class_set(const char *link, uint32_t mark, struct error *e)
{
	(void)e;
	kernel.marks[link[strlen(link) - 1] - '1'] = mark;
	return 0;
}

int element_class_remove(const char *link, struct error *e)
{
	(void)e;
	kernel.marks[link[strlen(link) - 1] - '1'] = 0;
	kernel.removed++;
	return 0;
}

int flow_review(uint32_t ipv4, const uint8_t ipv6[16], const struct ruleset *set, struct error *e)
{
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

int tally_chains(tally_chain_cb *cb, void *data, struct error *e)
{
	(void)e;
	cb("egress", data);
	cb("e_0123456789abcdef", data);
	return 0;
}

int tally_elements(const char *set, tally_element_cb *cb, void *data, struct error *e)
{
	uint8_t link[16] = "h9999999999", mark[4] = { 1, 2, 3, 4 }, port[8] = { 17, 0, 0, 0, 0x13, 0x88 };

	(void)e;
	if (strcmp(set, "class") == 0)
		cb(link, sizeof link, data);
	else if (strcmp(set, "publish4") == 0)
		cb(port, sizeof port, data);
	else
		cb(mark, sizeof mark, data);
	return 0;
}

static int apply(const char *id, const char *text)
{
	struct class_member member = { .ipv4 = 0x0500000a, .ipv6 = { 0xfd } };
	struct ruleset set;

	snprintf(member.id, sizeof member.id, "%s", id);
	json_t *object = json_parse(text, strlen(text), &err);
	assert_made(object, &err);
	assert_ok(ruleset_read(object, &set, &err), &err);
	json_decref(object);
	return class_apply(&member, &set, &err);
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
	class_forget(ONE);
	class_forget(TWO);
	return 0;
}

static void the_same_rules_are_one_class(void **state)
{
	(void)state;
	assert_ok(apply(ONE, RULES), &err);
	assert_int_equal(kernel.runs, 1);
	assert_non_null(strstr(kernel.commands, "tcp dport { 25-25 } counter name \"r_" RULE "\" drop\n"));
	assert_ok(apply(TWO, RULES), &err);
	assert_int_equal(kernel.runs, 1);
	assert_int_not_equal(kernel.marks[0], 0);
	assert_int_equal(kernel.marks[0], kernel.marks[1]);
	/* Another one leaves: the chains stay for who is left, and go with the last. */
	assert_ok(apply(ONE, PLAIN), &err);
	assert_int_not_equal(kernel.marks[0], kernel.marks[1]);
	assert_int_equal(kernel.runs, 2);
	class_forget(TWO);
	assert_int_equal(kernel.runs, 3);
	assert_non_null(strstr(kernel.commands, "destroy chain inet bulkhead e_"));
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
	assert_non_null(strstr(kernel.commands, "add element inet bulkhead publish4 { tcp . 8080 : 10.0.0.5 . 80 }\n"));
	assert_ok(apply(ONE, RULES), &err);
	assert_int_equal(kernel.reviews, 3);
	assert_string_equal(kernel.commands, "destroy element inet bulkhead publish4 { tcp . 8080 }\n"
					     "destroy element inet bulkhead publish6 { tcp . 8080 }\n");
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
	(void)state;
	assert_ok(apply(ONE, PUBLISHED), &err);
	assert_ok(apply(TWO, PLAIN), &err);
	class_sweep_begin();
	assert_ok(apply(ONE, PUBLISHED), &err);
	class_sweep_end();
	assert_int_equal(kernel.removed, 1);
	assert_int_equal(kernel.marks[1], 0);
	assert_non_null(strstr(kernel.commands, "destroy element inet bulkhead class { \"h9999999999\" }"));
	assert_non_null(strstr(kernel.commands, "destroy element inet bulkhead egress_of { 0x04030201 }"));
	assert_non_null(strstr(kernel.commands, "destroy element inet bulkhead publish6 { udp . 5000 }"));
	assert_non_null(strstr(kernel.commands, "destroy chain inet bulkhead e_0123456789abcdef"));
	assert_non_null(strstr(kernel.commands, "destroy counter inet bulkhead r_bbbbbbbbbbbbbbbbbbbbbbbb"));
	assert_null(strstr(kernel.commands, RULE));
	assert_null(strstr(kernel.commands, "8080"));
}

/* The other's end comes late: it must not take along what leads elsewhere by then. */
static void a_port_that_was_taken_over_stays(void **state)
{
	(void)state;
	assert_ok(apply(ONE, PUBLISHED), &err);
	assert_ok(apply(TWO, PUBLISHED), &err);
	kernel.commands[0] = '\0';
	class_forget(ONE);
	assert_null(strstr(kernel.commands, "8080"));
	assert_ok(apply(TWO, PLAIN), &err);
	assert_non_null(strstr(kernel.before, "8080")); /* then the chains that nobody uses go */
}

static void counts_are_the_members_rules_alone(void **state)
{
	char text[256] = "";

	(void)state;
	assert_ok(apply(ONE, RULES), &err);
	int fd = class_count(ONE, &err);
	assert_int_not_equal(fd, -1);
	assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
	close(fd);
	assert_string_equal(text, "{\"" RULE "\":[3,300]}");
	fd = class_count(TWO, &err);
	memset(text, 0, sizeof text);
	assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
	close(fd);
	assert_string_equal(text, "{}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_rules_are_one_class, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(flows_are_looked_at_when_something_changed, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(what_the_kernel_refuses_changes_nothing, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(what_nobody_named_goes, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(a_port_that_was_taken_over_stays, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(counts_are_the_members_rules_alone, bench_open, bench_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
