/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/lifecycle.c daemon/engine/disposal.c daemon/engine/content.c daemon/engine/digest.c daemon/engine/container.c daemon/engine/address.c -lcrypto -Wl,--wrap=loop_add_timer
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>

#include "daemon/engine/copies.h"
#include "daemon/engine/nesting.h"
#include "daemon/engine/cgroup.h"
#include "daemon/engine/container.h"
#include "daemon/engine/helper.h"
#include "daemon/engine/init.h"
#include "daemon/engine/layer.h"
#include "daemon/engine/lifecycle.h"
#include "daemon/engine/remains.h"
#include "daemon/engine/runtime.h"
#include "daemon/engine/session.h"
#include "daemon/engine/start.h"
#include "daemon/engine/tree.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

/* The kernel's part: what lifecycle asks of its neighbours. No container starts; that is enough to end. */
static struct loop *loop;
static struct hostcfg cfg;
static struct container *web;
static struct container_message message;
static bool alive;
static unsigned starts, cleans, removals, leaves, answers, refusals, freezes, thaws;
static int last_code;
static loop_child_cb *clean_cb;
static void *clean_data;

struct loop_source *__real_loop_add_timer(struct loop *in, int64_t ms, loop_timer_cb *cb, void *data, struct error *err);
struct loop_source *__wrap_loop_add_timer(struct loop *in, int64_t ms, loop_timer_cb *cb, void *data, struct error *err);
struct loop_source *__wrap_loop_add_timer(struct loop *in, int64_t ms, loop_timer_cb *cb, void *data, struct error *err)
{
	return __real_loop_add_timer(in, ms < 1000 ? 0 : 1, cb, data, err); /* nobody has ten seconds */
}

static void nothing(void *data)
{
	(void)data;
}

struct loop_source *remains_clean(struct loop *in, const struct container *c, loop_child_cb *cb, void *data)
{
	struct error err = ERROR_INIT;

	(void)c;
	cleans++;
	clean_cb = cb;
	clean_data = data;
	return __real_loop_add_timer(in, -1, nothing, NULL, &err); /* stands for a child */
}

static void clean_end(void)
{
	loop_remove(web->cleaner);
	clean_cb(1, 0, clean_data);
}

void remains_network_close(const struct container *c) { (void)c; }
static bool copied; /* something is being copied */
static int cancels;
bool copies_touch(const char *id) { return id != NULL && copied; }
void copies_cancel(const char *id) { cancels += id != NULL; }
void copies_release(struct container *c) { (void)c; }
void nesting_update(void) {}
void session_kill(const char *id) { (void)id; }
void remains_flows_forget(const struct container *c) { (void)c; }
void remains_kill(struct container *c) { c->killed = true; }
bool remains_alive(const struct container *c) { return c != NULL && alive; }
void cgroup_realm_leave(const char realm[ID_TEXT]) { leaves += realm != NULL; }
void cgroup_container(const char realm[ID_TEXT], const char id[ID_TEXT], char path[CGROUP_TEXT]) { (void)realm; (void)id; path[0] = '\0'; }
bool cgroup_frozen(const char *path) { (void)path; return false; }
int cgroup_freeze(const char *path, bool frozen, struct error *err) { (void)path; (void)err; freezes += frozen; thaws += !frozen; return 0; }
bool layer_exists(const char digest[DIGEST_TEXT]) { return digest != NULL; }
int runtime_init(struct error *err) { (void)err; return 0; }
void runtime_remove(const char id[ID_TEXT], bool keep) { (void)id; (void)keep; }
int32_t init_exit_status(int pidfd, bool killed) { return pidfd == -1 && killed; }
int init_halt_signal(pid_t pid, bool system, int wanted) { (void)wanted; return pid == -1 && system; }

pid_t helper_fork(const struct container *c, int *ret_socket, struct error *err)
{
	(void)c;
	*ret_socket = -1;
	starts++;
	return error_set(err, EIO, "no start today");
}

int helper_result(int socket, struct start_result *ret_result, int ret_pidfds[2])
{
	(void)socket;
	(void)ret_result;
	ret_pidfds[0] = ret_pidfds[1] = -1;
	return -1;
}

int tree_sweep(struct loop *in, const char *folder, struct error *err)
{
	(void)in;
	(void)folder;
	(void)err;
	return 0;
}

int tree_remove(struct loop *in, const char *folder, const char *name, tree_done_cb *cb, void *data, struct error *err)
{
	(void)in;
	(void)folder;
	(void)name;
	(void)err;
	removals++;
	cb(0, data);
	return 0;
}

static void answered(uint64_t serial, const struct error *err)
{
	if (serial == 0)
		return;
	answers++;
	refusals += err != NULL;
	last_code = err == NULL ? 0 : err->code;
}

static void told(const struct container *c, const char *text)
{
	(void)c;
	(void)text;
}

static int setup(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	hostcfg_defaults(&cfg);
	message = (struct container_message){
		.id = "0123456789abcdef01234567", .project = "1123456789abcdef01234567",
		.realm = "2123456789abcdef01234567", .name = "web", .layer_count = 1, .id_base = 2000000,
		.ipv4 = htonl(0x0a4d0010), .ipv6 = { 0xfd, 1 }, .cpu_weight = 100, .pids_max = 64,
	};
	memset(message.layers[0], 'a', DIGEST_TEXT - 1);
	alive = false;
	starts = cleans = removals = leaves = answers = refusals = freezes = thaws = 0;
	last_code = -1;
	loop = loop_new(&err);
	(void)lifecycle_init(loop, &cfg, answered, told, &err); /* the folder of a real host may not be made here */
	web = container_add(&message, &cfg, &err);
	return web == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	while (container_first() != NULL)
		container_forget(container_first());
	loop_free(loop);
	return 0;
}

/* A start that fails has an end like any other. */
static void end_is_told_before_it_is_clean(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_ok(lifecycle_start(web, 1, &err), &err);
	assert_int_equal(web->state, CONTAINER_STATE_FAILED);
	assert_int_equal(answers, 1);
	assert_int_equal(last_code, EIO);
	assert_int_equal(cleans, 1);
	assert_int_equal(leaves, 0);
	clean_end();
	assert_int_equal(leaves, 1);
	assert_null(web->cleaner);
}

static void start_waits_until_it_is_clean(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_ok(lifecycle_start(web, 1, &err), &err);
	assert_ok(lifecycle_start(web, 2, &err), &err);
	assert_int_equal(starts, 1);
	assert_int_equal(web->state, CONTAINER_STATE_STARTING);
	clean_end();
	assert_int_equal(starts, 2);
	assert_int_equal(leaves, 0); /* the realm's slice is wanted */
	assert_int_equal(answers, 2);
	clean_end();
}

static void start_that_waits_can_be_stopped(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_ok(lifecycle_start(web, 1, &err), &err);
	assert_ok(lifecycle_start(web, 2, &err), &err);
	assert_ok(lifecycle_stop(web, 0, 3, &err), &err);
	assert_int_equal(answers, 3);
	assert_int_equal(web->state, CONTAINER_STATE_STOPPED);
	assert_int_equal(cleans, 1); /* the one under way */
	clean_end();
	assert_int_equal(starts, 1);
}

static void removal_ends_a_copy_first(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	copied = true;
	cancels = 0;
	assert_int_equal(lifecycle_delete(message.id, 2, &err), -1);
	assert_int_equal(err.code, EBUSY);
	assert_int_equal(cancels, 1);
	assert_int_equal(removals, 0);
	copied = false;
	assert_ok(lifecycle_delete(message.id, 3, &err), &err);
	assert_int_equal(removals, 1);
}

static void one_that_is_copied_is_not_frozen(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	web->state = CONTAINER_STATE_RUNNING;
	web->held = 1;
	freezes = thaws = 0;
	assert_int_equal(lifecycle_freeze(web, false, &err), -1);
	assert_int_equal(err.code, EBUSY);
	assert_int_equal(freezes + thaws, 0);
	web->held = 0;
	assert_ok(lifecycle_freeze(web, false, &err), &err);
	assert_int_equal(thaws, 1);
	web->state = CONTAINER_STATE_STOPPED;
}

static void removal_waits_until_it_is_clean(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_ok(lifecycle_start(web, 1, &err), &err);
	assert_ok(lifecycle_delete(message.id, 2, &err), &err);
	assert_ok(lifecycle_delete(message.id, 3, &err), &err);
	assert_int_equal(answers, 1);
	assert_int_equal(removals, 0);
	assert_non_null(container_find(message.id)); /* its addresses are its own as long */
	assert_int_equal(lifecycle_start(web, 4, &err), -1);
	clean_end();
	assert_null(container_find(message.id));
	assert_int_equal(removals, 2);
	assert_int_equal(answers, 3);
	assert_int_equal(last_code, 0);
}

static void stop_loop(void *data)
{
	(void)data;
	loop_stop(loop, 0);
}

static void what_lives_is_never_called_ended(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	alive = true;
	assert_ok(lifecycle_start(web, 1, &err), &err);
	assert_int_equal(web->state, CONTAINER_STATE_STOPPING);
	assert_ok(lifecycle_revoke(web, 2, &err), &err);
	assert_int_equal(answers, 0);
	assert_made(__real_loop_add_timer(loop, 1000, stop_loop, NULL, &err), &err);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(answers, 2);
	assert_int_equal(refusals, 2);
	assert_int_equal(last_code, ETIMEDOUT);
	assert_int_equal(web->state, CONTAINER_STATE_STOPPING);
	assert_int_equal(cleans, 0);
	assert_int_equal(lifecycle_delete(message.id, 3, &err), -1);

	alive = false;
	assert_made(__real_loop_add_timer(loop, 200, stop_loop, NULL, &err), &err);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(web->state, CONTAINER_STATE_FAILED);
	assert_int_equal(cleans, 1);
	clean_end();
}

static void only_what_runs_is_frozen(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	assert_int_equal(lifecycle_freeze(web, true, &err), -1);
	assert_int_equal(err.code, EBUSY);
	assert_int_equal(freezes, 0);
	assert_false(web->frozen);
}

/* A signal to end reaches nobody while the kernel holds them. */
static void a_stop_lets_go_first(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;

	web->state = CONTAINER_STATE_RUNNING;
	web->init = -1; /* the stub's halt signal is one with this, and with no command */
	assert_ok(lifecycle_freeze(web, true, &err), &err);
	assert_ok(lifecycle_freeze(web, true, &err), &err);
	assert_true(web->frozen);
	assert_int_equal(thaws, 0);
	assert_ok(lifecycle_stop(web, 100, 1, &err), &err);
	assert_int_equal(thaws, 1);
	assert_false(web->frozen);
	assert_int_equal(web->state, CONTAINER_STATE_STOPPING);
	web->state = CONTAINER_STATE_STOPPED;
	waiters_answer(&web->end_waiters, answered, NULL);
	loop_remove(web->timer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_what_runs_is_frozen, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stop_lets_go_first, setup, teardown),
		cmocka_unit_test_setup_teardown(end_is_told_before_it_is_clean, setup, teardown),
		cmocka_unit_test_setup_teardown(start_waits_until_it_is_clean, setup, teardown),
		cmocka_unit_test_setup_teardown(start_that_waits_can_be_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(removal_waits_until_it_is_clean, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_is_copied_is_not_frozen, setup, teardown),
		cmocka_unit_test_setup_teardown(removal_ends_a_copy_first, setup, teardown),
		cmocka_unit_test_setup_teardown(what_lives_is_never_called_ended, setup, teardown),
	};
	return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
