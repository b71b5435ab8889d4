/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/merge.c daemon/api/runtime.c daemon/api/store.c -lsqlite3
#include "tests/unit/unit.h"

#include "daemon/api/merge.h"
#include "daemon/api/runtime.h"
#include "daemon/api/store.h"

/* Realms a and b keep to themselves, c and d share with the host, e does not share. One container each: its realm's letter 24 times. */
static struct store *store;

static const char *id_of(char realm)
{
	static char ids[4][ID_TEXT];
	static int turn;
	char *id = ids[turn++ % 4];

	memset(id, realm, ID_TEXT - 1);
	id[ID_TEXT - 1] = '\0';
	return id;
}

static void run(const char *sql, const char *id)
{
	struct error err = ERROR_INIT;

	assert_ok(store_do(store, &err, sql, "s", id), &err);
}

static int store_fill(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	store = store_open(":memory:", &err);
	assert_made(store, &err);
	assert_ok(runtime_open(store, &err), &err);
	for (const char *realm = "abcde"; *realm != '\0'; realm++) {
		const char *sharing = *realm == 'e' ? "none" : *realm >= 'c' ? "host" : "realm";
		const char *id = id_of(*realm);
		assert_ok(store_do(store, &err, "INSERT INTO realms (id, name, sharing, created) VALUES (?1, ?1, ?2, 1)", "ss", id,
				   sharing), &err);
		run("INSERT INTO projects (id, realm, name, created) VALUES (?1, ?1, ?1, 1)", id);
		run("INSERT INTO containers (id, project, name, wanted, id_base, ipv4, ipv6, port, command, environment, memory_max,"
		    " swap_max, disk_max, cpu_percent, cpu_weight, pids_max, merge, created)"
		    " VALUES (?1, ?1, ?1, 1, unicode(?1), unicode(?1), cast(?1 AS BLOB), 80, '', '{}', 0, 0, 0, 0, 1, 1, 0, 0)", id);
	}
	return 0;
}

static int store_end(void **state)
{
	(void)state;
	store_close(store);
	return 0;
}

static int64_t merge_of(char realm)
{
	struct error err = ERROR_INIT;
	int64_t merge;

	assert_ok(store_number(store, &err, -1, &merge, "SELECT merge FROM containers WHERE id = ?", "s", id_of(realm)), &err);
	return merge;
}

static int64_t decide(char realm)
{
	struct error err = ERROR_INIT;

	assert_ok(merge_decide(store, id_of(realm), &err), &err);
	return merge_of(realm);
}

/* As the engine tells it. */
static void tell(char realm, enum container_state is)
{
	struct container_state_message message = { .state = is };

	memcpy(message.id, id_of(realm), sizeof message.id);
	runtime_take(store, &message);
}

static void one_realm_at_a_time(void **state)
{
	(void)state;
	assert_int_equal(decide('a'), 1);
	tell('a', CONTAINER_STATE_RUNNING);
	assert_int_equal(decide('b'), 0);
	assert_int_equal(decide('c'), 0);
	assert_int_equal(decide('e'), 0);
	assert_int_equal(merge_of('a'), 1);
}

static void realms_that_share_with_the_host_merge_together(void **state)
{
	(void)state;
	assert_int_equal(decide('c'), 1);
	tell('c', CONTAINER_STATE_RUNNING);
	assert_int_equal(decide('d'), 1);
	assert_int_equal(decide('a'), 0);
}

static void who_is_not_gone_yet_counts(void **state)
{
	static const enum container_state states[] = { CONTAINER_STATE_STARTING, CONTAINER_STATE_RUNNING,
						       CONTAINER_STATE_STOPPING };

	(void)state;
	assert_int_equal(decide('a'), 1);
	assert_int_equal(decide('b'), 0); /* nothing was told of it yet */
	run("UPDATE containers SET wanted = 0 WHERE id = ?", id_of('a'));
	assert_int_equal(decide('b'), 0);
	for (size_t i = 0; i < COUNT(states); i++) {
		tell('a', states[i]);
		assert_int_equal(decide('b'), 0);
	}
	assert_int_equal(merge_of('a'), 1);
}

static void a_tombstone_counts_until_it_is_revoked(void **state)
{
	(void)state;
	assert_int_equal(decide('a'), 1);
	tell('a', CONTAINER_STATE_STOPPED);
	run("UPDATE containers SET deleted = 1 WHERE id = ?", id_of('a'));
	assert_int_equal(decide('b'), 0);
	run("UPDATE containers SET revoked = 1, project = NULL WHERE id = ?", id_of('a'));
	assert_int_equal(decide('b'), 1);
}

/* Else both would merge after the next start of the engine. */
static void who_is_gone_loses_its_claim(void **state)
{
	static const enum container_state states[] = { CONTAINER_STATE_FAILED, CONTAINER_STATE_STOPPED };

	(void)state;
	for (size_t i = 0; i < COUNT(states); i++) {
		run("UPDATE containers SET merge = 0 WHERE id <> ?", "");
		assert_int_equal(decide('a'), 1);
		tell('a', states[i]);
		assert_int_equal(decide('b'), 1);
		assert_int_equal(merge_of('a'), 0);
	}
	/* Who gets nothing takes nothing. */
	assert_int_equal(decide('e'), 0);
	assert_int_equal(merge_of('b'), 1);
}

static int64_t now(char realm)
{
	struct error err = ERROR_INIT;
	int64_t merge;

	assert_ok(merge_now(store, id_of(realm), &merge, &err), &err);
	return merge;
}

static void who_gains_nothing_is_left_out_until_tried_again(void **state)
{
	(void)state;
	assert_int_equal(decide('a'), 1);
	tell('a', CONTAINER_STATE_RUNNING);
	merge_take_unprofitable(store, id_of('a'));
	assert_int_equal(merge_of('a'), 1); /* it still runs as a candidate, and holds others back */
	assert_int_equal(decide('b'), 0);
	/* After a power cut it is started without, and says so. */
	assert_int_equal(now('a'), 0);
	merge_take_unmerged(store, id_of('a'));
	assert_int_equal(merge_of('a'), 0);
	assert_int_equal(decide('b'), 1);
	tell('b', CONTAINER_STATE_STOPPED);
	tell('a', CONTAINER_STATE_STOPPED);
	assert_int_equal(decide('a'), 0);
	assert_int_equal(merge_of('b'), 1); /* who gets nothing takes nothing */
	run("UPDATE containers SET unprofitable = 0 WHERE id = ?", id_of('a'));
	assert_int_equal(decide('a'), 1);
}

/* `sharing` was narrowed while both ran: after a power cut neither may merge with the other. */
static void claims_that_exclude_each_other_are_both_void(void **state)
{
	(void)state;
	assert_int_equal(decide('c'), 1);
	assert_int_equal(decide('d'), 1);
	assert_int_equal(now('c') + now('d'), 2);
	run("UPDATE realms SET sharing = 'realm' WHERE id = ?", id_of('c'));
	assert_int_equal(now('c') + now('d'), 0);
	merge_take_unmerged(store, id_of('c'));
	assert_int_equal(now('d'), 1);
	run("UPDATE realms SET sharing = 'none' WHERE id = ?", id_of('d'));
	assert_int_equal(now('d'), 0);
}

static void a_stop_that_was_asked_for_is_known_before_the_engine_tells(void **state)
{
	struct error err = ERROR_INIT;
	int64_t is;

	(void)state;
	assert_ok(runtime_state(store, id_of('a'), &is, &err), &err);
	assert_int_equal(is, -1);
	tell('a', CONTAINER_STATE_RUNNING);
	runtime_stop_begin(store, id_of('a'));
	runtime_stop_begin(store, id_of('a'));
	runtime_stop_end(store, id_of('a'));
	assert_ok(runtime_state(store, id_of('a'), &is, &err), &err);
	assert_int_equal(is, CONTAINER_STATE_STOPPING);
	runtime_stop_end(store, id_of('a'));
	assert_ok(runtime_state(store, id_of('a'), &is, &err), &err);
	assert_int_equal(is, CONTAINER_STATE_RUNNING);
}

static void the_time_of_a_start_is_the_last_ones(void **state)
{
	struct container_state_message message = { .state = CONTAINER_STATE_RUNNING, .start_ms = 900 };
	struct error err = ERROR_INIT;
	int64_t start_ms;

	(void)state;
	memcpy(message.id, id_of('a'), sizeof message.id);
	runtime_take(store, &message);
	message.start_ms = 80;
	runtime_take(store, &message);
	runtime_started(store, message.id);
	assert_ok(store_number(store, &err, 0, &start_ms, "SELECT start_ms FROM temp.runtime", ""), &err);
	assert_int_equal(start_ms, 80);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_fill, store_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_realm_at_a_time),
		TEST(realms_that_share_with_the_host_merge_together),
		TEST(who_is_not_gone_yet_counts),
		TEST(a_tombstone_counts_until_it_is_revoked),
		TEST(who_is_gone_loses_its_claim),
		TEST(who_gains_nothing_is_left_out_until_tried_again),
		TEST(claims_that_exclude_each_other_are_both_void),
		TEST(a_stop_that_was_asked_for_is_known_before_the_engine_tells),
		TEST(the_time_of_a_start_is_the_last_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
