/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/permissions.c daemon/api/removal.c daemon/api/routes.c daemon/api/services.c daemon/api/operation.c daemon/api/runtime.c daemon/api/allocate.c daemon/api/store.c -lsqlite3
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdbool.h>

#include "daemon/api/api.h"
#include "daemon/api/container.h"
#include "daemon/api/peer.h"
#include "daemon/api/removal.h"
#include "daemon/api/runtime.h"
#include "daemon/api/store.h"

/* Stands in for both peers: keeps the last question, or refuses it at once. */
static struct {
	struct api api;
	bool refuses;
	int asked;
	uint32_t type;
	peer_answer_cb *cb, *cbs[8]; /* of the last one, and of all */
	void *data, *datas[8];
	unsigned int status; /* of the answer to the client */
} bench;

int peer_ask(struct peer *peer, uint32_t type, const void *payload, size_t size, int fd, int64_t timeout_ms,
	     peer_answer_cb *cb, void *data, struct error *err)
{
	(void)peer;
	(void)payload;
	(void)size;
	(void)fd;
	(void)timeout_ms;
	assert_true(++bench.asked < 100); /* else nothing would end it */
	if (bench.refuses)
		return error_set(err, ENOBUFS, "the peer role does not keep up");
	bench.type = type;
	bench.cbs[bench.asked - 1] = bench.cb = cb;
	bench.datas[bench.asked - 1] = bench.data = data;
	return 0;
}

int64_t time_now_ms(void)
{
	return 1000;
}

void request_answer(struct request *request, unsigned int status, json_t *body)
{
	(void)request;
	(void)body;
	bench.status = status;
}

void request_fail(struct request *request, unsigned int status, const char *code, const char *field, const char *fmt, ...)
{
	(void)code;
	(void)field;
	(void)fmt;
	request_answer(request, status, NULL);
}

void request_fail_host(struct request *request, const struct error *err)
{
	(void)err;
	request_answer(request, 503, NULL);
}

static void tombstone_add(const char *id, int number, bool revoked)
{
	struct error err = ERROR_INIT;

	assert_ok(store_do(bench.api.store, &err,
			   "INSERT INTO containers (id, project, name, wanted, id_base, ipv4, ipv6, port, command, environment,"
			   " memory_max, swap_max, disk_max, cpu_percent, cpu_weight, pids_max, merge, created, deleted, revoked)"
			   " VALUES (?1, iif(?3, NULL, 'p'), ?1, 0, ?2, ?2, cast(?1 AS BLOB), 80, '', '{}', 0, 0, 0, 0, 1, 1, 0, 0,"
			   " 1, iif(?3, 1, NULL))", "sii", id, (int64_t)number, (int64_t)revoked), &err);
}

static int bench_open(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	memset(&bench, 0, sizeof bench);
	bench.api.store = store_open(":memory:", &err);
	assert_made(bench.api.store, &err);
	assert_ok(runtime_open(bench.api.store, &err), &err);
	assert_ok(store_do(bench.api.store, &err, "INSERT INTO realms (id, name, sharing, created) VALUES ('r', 'r', 'none', 1)", ""),
		  &err);
	assert_ok(store_do(bench.api.store, &err, "INSERT INTO projects (id, realm, name, created) VALUES ('p', 'r', 'p', 1)", ""),
		  &err);
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	store_close(bench.api.store);
	return 0;
}

static int64_t rows(void)
{
	struct error err = ERROR_INIT;
	int64_t count;

	assert_ok(store_number(bench.api.store, &err, 0, &count, "SELECT count(*) FROM containers", ""), &err);
	return count;
}

static void late(int number)
{
	struct error err = ERROR_INIT;

	error_set(&err, ETIMEDOUT, "late");
	bench.cbs[number](NULL, &err, bench.datas[number]);
}

static void a_walk_ends_at_the_first_failure(void **state)
{
	(void)state;
	tombstone_add("a", 1, false);
	tombstone_add("b", 2, true);
	tombstone_add("c", 3, true);
	bench.refuses = true;
	removal_resume(&bench.api);
	assert_int_equal(bench.asked, 2); /* the route of a, its revocation, and no more */
	bench.asked = 0;
	removal_resume(&bench.api); /* the timer comes again: from the start */
	assert_int_equal(bench.asked, 2);

	bench.refuses = false;
	bench.asked = 0;
	removal_resume(&bench.api);
	assert_int_equal(bench.asked, 3); /* one for each */
	removal_resume(&bench.api);
	assert_int_equal(bench.asked, 3); /* somebody is at them all */
	/* One comes to a halt and is gone on with; in the end all are late. */
	late(2);
	removal_resume(&bench.api);
	assert_int_equal(bench.asked, 4);
	bench.refuses = true;
	late(0);
	late(1);
	late(3);
}

static void step(uint32_t type)
{
	assert_int_equal(bench.type, type);
	bench.cb(NULL, NULL, bench.data);
}

static void a_container_goes_step_by_step(void **state)
{
	struct error err = ERROR_INIT;
	int64_t until;

	(void)state;
	tombstone_add("a", 77, false);
	assert_int_equal(removal_begin(&bench.api, "a", (struct request *)&bench), 0);
	step(MESSAGE_ROUTE_DELETE);
	assert_int_equal(bench.status, 0);
	step(MESSAGE_CONTAINER_REVOKE);
	assert_int_equal(bench.status, 204); /* revoked; the files may take their time */
	assert_int_equal(rows(), 1);
	step(MESSAGE_CONTAINER_DELETE);
	assert_int_equal(rows(), 0);
	assert_ok(store_number(bench.api.store, &err, 0, &until, "SELECT until FROM quarantine WHERE ipv4 = 77", ""), &err);
	assert_true(until > 1000);
}

static void a_gate_that_is_silent_does_not_stop_it(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	tombstone_add("a", 1, false);
	assert_int_equal(removal_begin(&bench.api, "a", (struct request *)&bench), 0);
	assert_int_equal(bench.type, MESSAGE_ROUTE_DELETE);
	error_set(&err, ETIMEDOUT, "gate did not answer in time");
	bench.cb(NULL, &err, bench.data);
	step(MESSAGE_CONTAINER_REVOKE);
	step(MESSAGE_CONTAINER_DELETE);
	assert_int_equal(rows(), 0);
}

static void an_engine_that_cannot_is_no_success(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	tombstone_add("a", 1, false);
	assert_int_equal(removal_begin(&bench.api, "a", (struct request *)&bench), 0);
	step(MESSAGE_ROUTE_DELETE);
	error_set(&err, EIO, "cannot");
	bench.cb(NULL, &err, bench.data);
	assert_int_equal(bench.status, 503);
	assert_int_equal(rows(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_walk_ends_at_the_first_failure),
		TEST(a_container_goes_step_by_step),
		TEST(a_gate_that_is_silent_does_not_stop_it),
		TEST(an_engine_that_cannot_is_no_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
