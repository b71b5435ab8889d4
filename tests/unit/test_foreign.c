/* SPDX-License-Identifier: GPL-2.0-or-later */
/* With the kernel's own packet filter, in a network namespace of the test. */
// link: daemon/engine/foreign.c daemon/engine/element.c daemon/engine/step.c daemon/engine/netlink.c daemon/engine/tally.c -lnftables -lnftnl -lmnl
#include "tests/unit/unit.h"

#include <nftables/libnftables.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/foreign.h"
#include "daemon/lib/error.h"
#include "daemon/lib/loop.h"

static struct loop *loop;
static int gone;
static struct error err;

static void table_gone(void)
{
	gone++;
}

static bool nft(const char *commands)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	nft_ctx_buffer_error(nft);
	nft_ctx_buffer_output(nft);
	bool done = nft_run_cmd_from_buffer(nft, commands) == 0;
	nft_ctx_free(nft);
	return done;
}

/* As another process, by the name "intruder". */
static void nft_of_other(const char *commands)
{
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, "intruder");
		_exit(nft(commands) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void stop(void *data)
{
	(void)data;
	loop_stop(loop, 0);
}

/* What has happened so far is heard. */
static void catch_up(void)
{
	assert_made(loop_add_timer(loop, 20, stop, NULL, &err), &err);
	assert_ok(loop_run(loop, &err), &err);
}

static int bench_open(void **state)
{
	(void)state;
	loop = loop_new(&err);
	if (loop == NULL || unshare(CLONE_NEWNET) == -1 || foreign_init(loop, table_gone, &err) == -1)
		return -1;
	return nft("add table inet bulkhead\nadd set inet bulkhead live { type ifname; }\n") ? 0 : -1;
}

static int bench_close(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void own_changes_are_none(void **state)
{
	(void)state;
	assert_true(nft("add element inet bulkhead live { h1 }"));
	catch_up();
	assert_int_equal(foreign_seen()->count, 0);
	assert_int_equal(foreign_seen()->at_ms, 0);
}

static void others_are_told(void **state)
{
	(void)state;
	nft_of_other("add table inet theirs");
	catch_up();
	assert_int_equal(foreign_seen()->count, 1);
	assert_string_equal(foreign_seen()->name, "intruder");
	assert_true(foreign_seen()->at_ms > 1700000000000);
	nft_of_other("add element inet bulkhead live { h2, h3, h4 }");
	nft_of_other("list ruleset"); /* reads */
	catch_up();
	assert_int_equal(foreign_seen()->count, 2);
	assert_int_equal(gone, 0);
}

static void a_table_that_is_gone_is_missed(void **state)
{
	(void)state;
	nft_of_other("flush ruleset");
	catch_up();
	assert_int_equal(gone, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_changes_are_none),
		cmocka_unit_test(others_are_told),
		cmocka_unit_test(a_table_that_is_gone_is_missed),
	};

	return cmocka_run_group_tests(tests, bench_open, bench_close);
}
