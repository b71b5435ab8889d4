/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/permissions.c tests/unit/stub_request.c daemon/api/containers.c daemon/api/container.c daemon/api/routes.c daemon/api/services.c daemon/api/defaults.c daemon/api/lifecycle.c daemon/api/operation.c daemon/api/removal.c
// link: daemon/api/runtime.c daemon/api/merge.c daemon/api/spec.c daemon/api/services.c daemon/api/confinement.c -lseccomp daemon/api/name.c daemon/api/allocate.c daemon/api/page.c
// link: daemon/api/idempotency.c daemon/api/store.c -lsqlite3 -lcrypto
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>

#include "daemon/api/lifecycle.h"
#include "daemon/api/firewall.h"
#include "daemon/api/peer.h"
#include "daemon/api/resources.h"
#include "daemon/api/runtime.h"
#include "tests/unit/stub_request.h"

#define REALM "aaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "bbbbbbbbbbbbbbbbbbbbbbbb"
#define IMAGE "cccccccccccccccccccccccc"

/* Engine and gate: the gate says yes to everything, the engine's last question is kept. */
static uint32_t asked;
static int questions;
static peer_answer_cb *answer_cb;
static void *answer_data;
static struct container_message started;

/* What is asked is answered from outside, as by the real one. */
static struct {
	peer_answer_cb *cb;
	void *data;
} gate[8];
static size_t gate_count;

int firewall_ask(struct api *api, const char *id, peer_answer_cb *cb, void *data, struct error *err)
{
	(void)api;
	(void)id;
	(void)cb;
	(void)data;
	(void)err;
	return 0;
}

int peer_ask(struct peer *peer, uint32_t type, const void *payload, size_t size, int fd, int64_t timeout_ms,
	     peer_answer_cb *cb, void *data, struct error *err)
{
	(void)peer;
	(void)fd;
	(void)timeout_ms;
	(void)err;
	if (type == MESSAGE_ROUTE_SET || type == MESSAGE_ROUTE_DELETE) {
		assert_true(gate_count < COUNT(gate));
		gate[gate_count].cb = cb;
		gate[gate_count++].data = data;
		return 0;
	}
	if (type == MESSAGE_CONTAINER_START)
		memcpy(&started, payload, size);
	questions++;
	asked = type;
	answer_cb = cb;
	answer_data = data;
	return 0;
}

static void engine_says(int code)
{
	struct result_message result = { 0 };
	struct message message = { .type = MESSAGE_RESULT, .payload = &result };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < gate_count; i++)
		gate[i].cb(&message, NULL, gate[i].data);
	gate_count = 0;
	if (code != 0)
		error_set(&err, code, "on purpose");
	answer_cb(code == 0 ? &message : NULL, code == 0 ? NULL : &err, answer_data);
}

static void engine_tells(enum container_state is)
{
	struct container_state_message message = { .state = is };

	memcpy(message.id, stub.request.id, ID_TEXT - 1);
	runtime_take(stub.api.store, &message);
}

/* A container of the first realm, running. */
static int bench_open(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	stub_open();
	assert_ok(runtime_open(stub.api.store, &err), &err);
	asked = 0;
	questions = 0;
	gate_count = 0;
	stub.api.stopping = -1;
	stub.api.cfg.container_pool = (struct hostcfg_address){ .family = AF_INET, .prefix = 16 };
	inet_pton(AF_INET, "10.77.0.0", &stub.api.cfg.container_pool.v4);
	stub_sql("INSERT INTO realms (id, name, sharing, created) VALUES (?1, 'a', 'realm', 1), ('" OTHER "', 'b', 'realm', 1)", REALM);
	stub_sql("INSERT INTO projects (id, realm, name, created) VALUES (?1, ?1, 'p', 1), ('" OTHER "', '" OTHER "', 'p', 1)", REALM);
	stub_sql("INSERT INTO images (id, name, digest, bytes, entries, created) VALUES (?1, 'guest', 'd', 1, 1, 1)", IMAGE);
	stub_sql("INSERT INTO image_layers (image, position, digest) VALUES (?1, 0, 'd')", IMAGE);
	assert_int_equal(stub_call(containers_create, "{\"project\":\"" REALM "\",\"image\":\"guest\",\"name\":\"x\"}"), 0);
	assert_int_equal(asked, MESSAGE_CONTAINER_START);
	engine_says(0);
	assert_int_equal(stub.status, 201);
	snprintf(stub.request.id, sizeof stub.request.id, "%s", json_string_value(json_object_get(stub.body, "id")));
	engine_tells(CONTAINER_STATE_RUNNING);
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	stub_close();
	return 0;
}

static void a_start_during_a_stop_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(stub_call(containers_stop, NULL), 0);
	peer_answer_cb *stopped = answer_cb;
	void *data = answer_data;
	questions = 0;
	stub.status = 0;

	/* Before the engine tells, and after. */
	assert_int_equal(stub_call(containers_start, NULL), 409);
	assert_string_equal(stub.code, "conflict");
	engine_tells(CONTAINER_STATE_STOPPING);
	assert_int_equal(stub_call(containers_start, NULL), 409);
	assert_int_equal(questions, 0);
	assert_int_equal(gate_count, 1); /* the route that goes, none that comes */
	assert_int_equal(stub_count("SELECT wanted FROM containers"), 0);

	stub.status = 0;
	answer_cb = stopped;
	answer_data = data;
	engine_says(0);
	assert_int_equal(stub.status, 200);
	assert_int_equal(stub_call(containers_start, NULL), 0);
	engine_says(0);
	assert_int_equal(stub.status, 200);
	assert_int_equal(stub_count("SELECT wanted FROM containers"), 1);
}

/* Its processes are still there: to others it must not look like one that failed. */
static void one_that_ends_by_itself_is_stopping(void **state)
{
	(void)state;
	assert_int_equal(stub_call(containers_start, NULL), 0);
	engine_says(EBUSY);
	assert_int_equal(stub.status, 200);
	assert_string_equal(json_string_value(json_object_get(stub.body, "state")), "stopping");
}

static void a_stop_that_fails_does_not_bar_a_start(void **state)
{
	(void)state;
	assert_int_equal(stub_call(containers_stop, NULL), 0);
	engine_says(EIO);
	assert_int_equal(stub.status, 500);
	assert_int_equal(stub_call(containers_start, NULL), 0);
	engine_says(0);
	assert_int_equal(stub.status, 200);
}

static void merging_is_decided_at_the_start_alone(void **state)
{
	(void)state;
	assert_int_equal(started.merge, 1);
	stub_sql("UPDATE containers SET merge = 0 WHERE ?1 <> ''", "x"); /* as if another realm had been first */
	assert_int_equal(stub_call(containers_start, NULL), 0);
	engine_says(0);
	assert_int_equal(stub_count("SELECT merge FROM containers"), 0);
	engine_tells(CONTAINER_STATE_STOPPED);
	assert_int_equal(stub_call(containers_start, NULL), 0);
	engine_says(0);
	assert_int_equal(started.merge, 1);
}

static void another_realm_is_left_out_while_the_first_still_stops(void **state)
{
	static const char body[] = "{\"project\":\"" OTHER "\",\"image\":\"guest\",\"name\":\"y\"}";

	(void)state;
	assert_int_equal(stub_call(containers_stop, NULL), 0);
	peer_answer_cb *stopped = answer_cb;
	void *data = answer_data;
	stub.status = 0;
	assert_int_equal(stub_call(containers_create, body), 0);
	assert_int_equal(started.merge, 0);
	engine_says(0);
	stub.status = 0;
	answer_cb = stopped;
	answer_data = data;
	engine_says(0);
}

static void nothing_starts_while_the_host_goes_down(void **state)
{
	(void)state;
	lifecycle_stop_all(&stub.api);
	assert_int_equal(asked, MESSAGE_CONTAINER_STOP);
	questions = 0;
	lifecycle_stop_all(&stub.api); /* told twice */
	assert_int_equal(stub.api.stopping, 1);
	assert_int_equal(stub_call(containers_start, NULL), 503);
	assert_string_equal(stub.code, "unavailable");
	assert_int_equal(stub_call(containers_create, "{\"project\":\"" REALM "\",\"image\":\"guest\",\"name\":\"z\"}"), 503);
	assert_int_equal(questions, 0);
	assert_int_equal(stub_count("SELECT count(*) FROM containers"), 1);
	stub.api.stopping = 2; /* one more than there is: the loop is not this test's */
	engine_says(0);
	assert_int_equal(stub_count("SELECT wanted FROM containers"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_start_during_a_stop_is_refused_and_changes_nothing),
		TEST(one_that_ends_by_itself_is_stopping),
		TEST(a_stop_that_fails_does_not_bar_a_start),
		TEST(merging_is_decided_at_the_start_alone),
		TEST(another_realm_is_left_out_while_the_first_still_stops),
		TEST(nothing_starts_while_the_host_goes_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
