/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/permissions.c daemon/api/sync.c daemon/api/peer.c daemon/api/store.c -lsqlite3
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "daemon/api/api.h"
#include "daemon/api/audit.h"
#include "daemon/api/container.h"
#include "daemon/api/access.h"
#include "daemon/api/address_set.h"
#include "daemon/api/firewall.h"
#include "daemon/api/identity.h"
#include "daemon/api/peer.h"
#include "daemon/api/routes.h"
#include "daemon/api/store.h"
#include "daemon/api/sync.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"

enum { MANY = 6000 }; /* more than a channel takes */

/* api on one end, a channel that plays the engine on the other. */
static struct bench {
	struct api api;
	struct channel *engine;
	struct sync *sync;
	int hellos, accesses, images, ends, asked, asked_before_end;
	size_t containers, rules, sets, full_sets;
	char last[ID_TEXT];
	bool ordered;
	int fails;                      /* so often container_message_fill() fails with fail_code */
	int fail_code;
	size_t act_at;                  /* with so many containers told, act is called once */
	void (*act)(void);
	const char *watched;            /* an id, */
	int watched_told, watched_wanted; /* how often it was told, and the last time as what */
	int watched_error;              /* code of the answer to its question; -1: none yet */
} bench;

int container_message_fill(struct api *api, const char *id, struct container_message *message, struct error *err)
{
	int64_t wanted;

	if (bench.fails > 0) {
		bench.fails--;
		message->wanted = 1; /* half filled */
		return error_set(err, bench.fail_code, "on purpose");
	}
	assert_ok(store_number(api->store, err, 0, &wanted, "SELECT wanted FROM containers WHERE id = ?", "s", id), err);
	snprintf(message->id, sizeof message->id, "%s", id);
	message->wanted = (uint32_t)wanted;
	return 0;
}

int identity_load(struct store *store, struct identity_key_message *ret_message, struct error *err)
{
	(void)store;
	(void)err;
	*ret_message = (struct identity_key_message){ .key = { 1 } };
	return 0;
}

int audit_fill(struct store *store, const char *id, struct audit_message *message, struct error *err)
{
	(void)store;
	(void)err;
	*message = (struct audit_message){ .mode = AUDIT_BLOCK };
	snprintf(message->id, sizeof message->id, "%s", id);
	return 0;
}

int route_fill_alias(struct api *api, const char *id, struct route_message *message, struct error *err)
{
	(void)api;
	(void)id;
	(void)message;
	(void)err;
	return 0;
}

int route_fill(struct api *api, const char *id, struct route_message *message, struct error *err)
{
	(void)api;
	(void)err;
	snprintf(message->label, sizeof message->label, "%s", id);
	return 0;
}

int access_fill(struct access_message *message, int *ret_fd, struct error *err)
{
	(void)ret_fd;
	(void)err;
	*message = (struct access_message){ .keep = 1 };
	return 0;
}

int firewall_fill(struct api *api, const char *id, struct rules_message *message, int *ret_fd, struct error *err)
{
	(void)api;
	(void)ret_fd;
	(void)err;
	snprintf(message->id, sizeof message->id, "%s", id);
	message->plain = 1;
	return 0;
}

int address_set_fill(struct store *store, const char *id, struct address_set_message *message, int *ret_fd, struct error *err)
{
	(void)store;
	if (id[0] == '0')
		return error_set(err, EBADMSG, "on purpose");
	snprintf(message->id, sizeof message->id, "%s", id);
	*ret_fd = fd_memory("addresses", "full", 4, err);
	return 0;
}

static void engine_takes(struct channel *channel, struct message *message, void *data)
{
	const struct container_message *container = message->payload;

	(void)channel;
	(void)data;
	if (message->type == MESSAGE_HELLO) {
		bench.hellos++;
		bench.containers = bench.rules = bench.sets = bench.full_sets = 0;
		bench.images = 0;
		bench.last[0] = '\0';
		bench.ordered = true;
	} else if (message->type == MESSAGE_ACCESS) {
		bench.accesses++;
	} else if (message->type == MESSAGE_IMAGE_SYNC) {
		const struct image_message *image = message->payload;
		if (image->digest[0] == '\0')
			assert_int_equal(image->count, bench.images);
		bench.images++;
	} else if (message->type == MESSAGE_ADDRESS_SET) {
		const struct address_set_message *set = message->payload;
		char byte;
		if (set->id[0] == '\0')
			assert_int_equal(set->count, bench.sets);
		else
			bench.full_sets += pread(message->fd, &byte, 1, 0) == 1;
		bench.sets++;
		assert_int_equal(bench.rules, 0); /* which name them */
	} else if (message->type == MESSAGE_RULES) {
		const struct rules_message *rules = message->payload;
		if (rules->id[0] == '\0')
			assert_int_equal(rules->count, bench.rules);
		bench.rules++;
	} else if (message->type == MESSAGE_CONTAINER_SYNC && container->id[0] != '\0') {
		bench.containers++;
		bench.ordered = bench.ordered && strcmp(container->id, bench.last) > 0;
		memcpy(bench.last, container->id, sizeof bench.last);
		if (bench.watched != NULL && strcmp(container->id, bench.watched) == 0) {
			bench.watched_told++;
			bench.watched_wanted = (int)container->wanted;
		}
	} else if (message->type == MESSAGE_CONTAINER_SYNC) {
		assert_int_equal(container->count, bench.containers);
		bench.ends++;
	} else {
		bench.asked++;
		bench.asked_before_end += bench.ends == 0;
	}
	if (bench.act != NULL && bench.containers == bench.act_at) {
		void (*act)(void) = bench.act;
		bench.act = NULL;
		act();
	}
	if (bench.ends > 0 && (bench.asked > 0 || bench.watched_error != -1))
		loop_stop(bench.api.loop, 0);
}

static void peer_said_hello(struct peer *peer, void *data)
{
	(void)peer;
	(void)data;
	sync_begin(bench.sync);
}

static void peer_told(struct peer *peer, const struct message *message, void *data)
{
	(void)peer;
	(void)message;
	(void)data;
}

static void peer_gone(struct peer *peer, void *data)
{
	(void)peer;
	(void)data;
}

static void answered(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	(void)data;
	bench.watched_error = err == NULL ? 0 : err->code;
	loop_stop(bench.api.loop, 0);
}

static void container_add(int number, int wanted)
{
	char id[ID_TEXT];
	struct error err = ERROR_INIT;

	snprintf(id, sizeof id, "%024x", (unsigned int)number);
	assert_ok(store_do(bench.api.store, &err,
			   "INSERT INTO containers (id, name, wanted, id_base, ipv4, ipv6, port, command, environment,"
			   " memory_max, swap_max, disk_max, cpu_percent, cpu_weight, pids_max, merge, created)"
			   " VALUES (?1, ?1, ?2, ?3, ?3, cast(?1 AS BLOB), 80, '', '{}', 0, 0, 0, 0, 1, 1, 0, 0)", "sii", id,
			   (int64_t)wanted, (int64_t)number), &err);
}

static void containers_add(int count)
{
	struct error err = ERROR_INIT;

	assert_ok(store_begin(bench.api.store, &err), &err);
	for (int i = 1; i <= count; i++)
		container_add(2 * i, 1);
	assert_ok(store_commit(bench.api.store, &err), &err);
}

/* As a start, a stop or a removal would: something that must not overtake the list. */
static void question(void)
{
	struct container_id_message message = { .id = "0123456789abcdef01234567" };
	struct error err = ERROR_INIT;

	assert_ok(peer_ask(bench.api.engine, MESSAGE_CONTAINER_REVOKE, &message, sizeof message, -1, 60000, answered, &bench,
			   &err), &err);
}

static int bench_open(void **state)
{
	struct peer_events events = { peer_said_hello, peer_told, peer_gone, NULL };
	struct error err = ERROR_INIT;
	int pair[2];

	(void)state;
	bench = (struct bench){ .watched_error = -1 };
	bench.api.loop = loop_new(&err);
	assert_made(bench.api.loop, &err);
	bench.api.store = store_open(":memory:", &err);
	assert_made(bench.api.store, &err);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	bench.api.engine = peer_new(bench.api.loop, pair[0], "engine", &events, &err);
	assert_made(bench.api.engine, &err);
	bench.sync = sync_new_engine(&bench.api, &err);
	assert_made(bench.sync, &err);
	bench.engine = channel_new(bench.api.loop, pair[1], engine_takes, NULL, &err);
	assert_made(bench.engine, &err);
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	sync_free(bench.sync);
	peer_free(bench.api.engine);
	channel_free(bench.engine);
	store_close(bench.api.store);
	loop_free(bench.api.loop);
	return 0;
}

static void run(void)
{
	struct error err = ERROR_INIT;

	assert_int_equal(loop_run(bench.api.loop, &err), 0);
}

static void more_than_the_channel_takes_is_told_whole(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	containers_add(MANY);
	assert_ok(store_do(bench.api.store, &err, "INSERT INTO images (id, name, digest, bytes, entries, created) VALUES"
			   " ('1', 'a', 'aa', 1, 1, 1), ('2', 'b', 'bb', 1, 1, 1)", ""), &err);
	assert_ok(store_do(bench.api.store, &err, "INSERT INTO realms (id, name, sharing, created) VALUES ('r', 'r', 'none', 1)", ""),
		  &err);
	assert_ok(store_do(bench.api.store, &err, "INSERT INTO images (id, realm, name, digest, bytes, entries, created) VALUES"
			   " ('3', 'r', 'a', 'aa', 1, 1, 1)", ""), &err);
	assert_ok(store_do(bench.api.store, &err, "INSERT INTO address_sets (id, realm, name, comment, version, addresses, ipv4, ipv6, created) VALUES"
						  " ('000000000000000000000000', 'r', 'a', '', 1, x'', 0, 0, 1),"
						  " ('111111111111111111111111', 'r', 'b', '', 1, x'', 0, 0, 1)", ""), &err);
	assert_ok(store_do(bench.api.store, &err, "INSERT INTO image_layers (image, position, digest) VALUES"
			   " ('1', 0, 'aa'), ('2', 0, 'aa'), ('2', 1, 'bb'), ('3', 0, 'aa')", ""), &err);
	sync_begin(bench.sync);
	question();
	run();
	assert_int_equal(bench.hellos, 1);
	assert_int_equal(bench.accesses, 1);
	assert_int_equal(bench.images, 3); /* two layers and the end */
	assert_int_equal(bench.containers, MANY);
	assert_int_equal(bench.rules, MANY + 1);
	assert_int_equal(bench.sets, 3); /* one that cannot be read is empty, and stops nothing */
	assert_int_equal(bench.full_sets, 1);
	assert_true(bench.ordered);
	assert_int_equal(bench.ends, 1);
	assert_int_equal(bench.asked, 1);
	assert_int_equal(bench.asked_before_end, 0);
}

/* The engine does not read for a while: what does not fit is tried again. */
static void a_full_channel_is_waited_for(void **state)
{
	static struct container_message message;
	struct error err = ERROR_INIT;

	(void)state;
	containers_add(10);
	while (peer_tell(bench.api.engine, MESSAGE_CONTAINER_START, &message, sizeof message, -1, &err) == 0)
		;
	assert_int_equal(err.code, ENOBUFS);
	sync_begin(bench.sync);
	run();
	while (bench.ends == 0)
		run();
	assert_int_equal(bench.containers, 10);
}

static void a_failure_in_the_middle_is_tried_again(void **state)
{
	(void)state;
	containers_add(100);
	bench.fails = 1;
	bench.fail_code = EIO;
	sync_begin(bench.sync);
	question();
	run();
	assert_int_equal(bench.ends, 1);
	assert_int_equal(bench.containers, 100);
	assert_true(bench.ordered);
	assert_int_equal(bench.asked_before_end, 0);
}

/* The engine starts them as it hears of them. */
static void lower_numbers_are_told_first(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	containers_add(20);
	assert_ok(store_do(bench.api.store, &err, "UPDATE containers SET start_order = 999 WHERE id = (SELECT min(id) FROM containers)", ""),
		  &err);
	sync_begin(bench.sync);
	question();
	run();
	assert_int_equal(bench.containers, 20);
	assert_false(bench.ordered); /* not by id */
	cleanup_query sqlite3_stmt *query = store_query(bench.api.store, &err, "SELECT min(id) FROM containers", "");
	assert_int_equal(query_step(query, &err), 1);
	assert_string_equal(bench.last, query_text(query, 0));
}

static void a_row_that_makes_no_sense_is_told_as_stopped(void **state)
{
	(void)state;
	containers_add(3);
	bench.fails = 1;
	bench.fail_code = EINVAL;
	bench.watched = "000000000000000000000002";
	sync_begin(bench.sync);
	question();
	run();
	assert_int_equal(bench.ends, 1);
	assert_int_equal(bench.containers, 3);
	assert_int_equal(bench.watched_told, 1);
	assert_int_equal(bench.watched_wanted, 0);
}

static void hello_again(void)
{
	struct hello_message hello = { .version = PROTOCOL_VERSION };
	struct error err = ERROR_INIT;

	assert_ok(channel_send(bench.engine, MESSAGE_HELLO, 0, &hello, sizeof hello, -1, &err), &err);
}

static void a_second_hello_begins_anew(void **state)
{
	(void)state;
	containers_add(1000);
	bench.act = hello_again;
	bench.act_at = 300;
	sync_begin(bench.sync);
	question();
	run();
	assert_int_equal(bench.hellos, 2);
	assert_int_equal(bench.containers, 1000);
	assert_true(bench.ordered);
	assert_int_equal(bench.ends, 1); /* the first list has none */
	assert_int_equal(bench.asked, 1);
}

static void change(void)
{
	struct error err = ERROR_INIT;

	container_add(1, 1); /* behind the walk: its start is asked after the end */
	question();
	assert_ok(store_do(bench.api.store, &err, "UPDATE containers SET wanted = 0 WHERE id = ?", "s", bench.watched), &err);
	assert_ok(store_do(bench.api.store, &err, "UPDATE containers SET deleted = 1 WHERE id_base = 1998", ""), &err);
}

static void rows_are_told_as_they_are_when_it_is_their_turn(void **state)
{
	(void)state;
	containers_add(1000);
	bench.act = change;
	bench.act_at = 10;
	bench.watched = "0000000000000000000007d0"; /* the last, 2000 */
	sync_begin(bench.sync);
	run();
	assert_int_equal(bench.ends, 1);
	assert_int_equal(bench.containers, 999);
	assert_int_equal(bench.watched_told, 1);
	assert_int_equal(bench.watched_wanted, 0);
	assert_int_equal(bench.asked, 1);
	assert_int_equal(bench.asked_before_end, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(more_than_the_channel_takes_is_told_whole, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(a_full_channel_is_waited_for, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(a_failure_in_the_middle_is_tried_again, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(lower_numbers_are_told_first, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(a_row_that_makes_no_sense_is_told_as_stopped, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(a_second_hello_begins_anew, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(rows_are_told_as_they_are_when_it_is_their_turn, bench_open, bench_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
