/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/api/peer.c
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/api/peer.h"
#include "daemon/lib/loop.h"

/* Both ends in one process: peer on one, a channel that plays the engine on the other. */
static struct bench {
	struct loop *loop;
	struct peer *peer;
	struct channel *engine;
	uint64_t serials[16]; /* of the requests that came, in order */
	uint32_t types[16];
	int fds;              /* descriptors that came */
	size_t came, wanted;  /* the loop ends when so many came */
	int hellos, events, answers, code;
	int hold;             /* the truth takes longer */
	char message[384];
} bench;

static void engine_takes(struct channel *channel, struct message *message, void *data)
{
	(void)channel;
	(void)data;
	if (message->type == MESSAGE_HELLO)
		return;
	assert_true(bench.came < COUNT(bench.serials));
	bench.serials[bench.came] = message->serial;
	bench.types[bench.came++] = message->type;
	bench.fds += message->fd != -1;
	if (bench.came == bench.wanted)
		loop_stop(bench.loop, 0);
}

static void peer_said_hello(struct peer *peer, void *data)
{
	struct error err = ERROR_INIT;
	struct route_message route = { .label = "truth" };

	(void)data;
	bench.hellos++;
	if (bench.hold)
		peer_hold(peer);
	assert_ok(peer_tell(peer, MESSAGE_ROUTE_SYNC, &route, sizeof route, -1, &err), &err);
}

static void peer_told(struct peer *peer, const struct message *message, void *data)
{
	(void)peer;
	(void)data;
	assert_int_equal(message->type, MESSAGE_CONTAINER_STATE);
	bench.events++;
	loop_stop(bench.loop, 0);
}

static void peer_gone(struct peer *peer, void *data)
{
	(void)peer;
	(void)data;
}

static void answered(const struct message *answer, const struct error *err, void *data)
{
	assert_ptr_equal(data, &bench);
	assert_true((answer == NULL) == (err != NULL));
	bench.answers++;
	bench.code = err == NULL ? 0 : err->code;
	snprintf(bench.message, sizeof bench.message, "%s", err == NULL ? "" : err->message);
	loop_stop(bench.loop, 0);
}

static int bench_open(void **state)
{
	struct peer_events events = { peer_said_hello, peer_told, peer_gone, NULL };
	struct error err = ERROR_INIT;
	int pair[2];

	(void)state;
	bench = (struct bench){ 0 };
	bench.loop = loop_new(&err);
	assert_made(bench.loop, &err);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	bench.peer = peer_new(bench.loop, pair[0], "engine", &events, &err);
	assert_made(bench.peer, &err);
	bench.engine = channel_new(bench.loop, pair[1], engine_takes, NULL, &err);
	assert_made(bench.engine, &err);
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	peer_free(bench.peer);
	channel_free(bench.engine);
	loop_free(bench.loop);
	return 0;
}

static void take(size_t count)
{
	struct error err = ERROR_INIT;

	bench.wanted = count;
	if (bench.came < count)
		assert_int_equal(loop_run(bench.loop, &err), 0);
}

static void ask(int fd, int64_t timeout_ms)
{
	struct container_id_message message = { .id = "0123456789abcdef01234567" };
	struct error err = ERROR_INIT;

	assert_ok(peer_ask(bench.peer, MESSAGE_CONTAINER_REVOKE, &message, sizeof message, fd, timeout_ms, answered, &bench,
			   &err), &err);
}

static void reply(uint64_t serial, uint32_t code)
{
	struct result_message result = { .code = code, .message = "because" };
	struct error err = ERROR_INIT;

	assert_ok(channel_send(bench.engine, MESSAGE_RESULT, serial, &result, sizeof result, -1, &err), &err);
	assert_int_equal(loop_run(bench.loop, &err), 0);
}

static void hello(void)
{
	struct hello_message message = { .version = PROTOCOL_VERSION };
	struct error err = ERROR_INIT;

	assert_ok(channel_send(bench.engine, MESSAGE_HELLO, 0, &message, sizeof message, -1, &err), &err);
}

static void an_answer_finds_its_question(void **state)
{
	(void)state;
	ask(-1, 60000);
	ask(-1, 60000);
	take(2);
	assert_true(bench.serials[0] != 0 && bench.serials[0] != bench.serials[1]);
	reply(bench.serials[1], ENOSPC);
	assert_int_equal(bench.answers, 1);
	assert_int_equal(bench.code, ENOSPC);
	assert_string_equal(bench.message, "because");
	reply(bench.serials[0], 0);
	assert_int_equal(bench.answers, 2);
	assert_int_equal(bench.code, 0);
}

static void a_late_or_foreign_answer_is_ignored(void **state)
{
	struct result_message result = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	ask(-1, 60000);
	take(1);
	assert_ok(channel_send(bench.engine, MESSAGE_RESULT, bench.serials[0] + 7, &result, sizeof result, -1, &err), &err);
	reply(bench.serials[0], 0);
	assert_int_equal(bench.answers, 1);
}

static void silence_is_an_answer_too(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	ask(-1, 1);
	assert_int_equal(loop_run(bench.loop, &err), 0);
	assert_int_equal(bench.answers, 1);
	assert_int_equal(bench.code, ETIMEDOUT);
}

static void after_hello_the_truth_comes_first_then_what_is_open(void **state)
{
	(void)state;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ask(fd, 60000);
	close(fd); /* the peer has its own */
	take(1);
	hello();
	take(3);
	assert_int_equal(bench.hellos, 1);
	assert_int_equal(bench.types[1], MESSAGE_ROUTE_SYNC);
	assert_int_equal(bench.types[2], MESSAGE_CONTAINER_REVOKE);
	assert_true(bench.serials[2] == bench.serials[0]);
	assert_int_equal(bench.fds, 2);
	reply(bench.serials[2], 0);
	assert_int_equal(bench.answers, 1);
}

static void a_question_that_kills_is_given_up(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	ask(-1, 60000);
	take(1);
	hello();
	take(3);
	hello();
	take(5);
	hello();
	assert_int_equal(loop_run(bench.loop, &err), 0);
	assert_int_equal(bench.answers, 1);
	assert_int_equal(bench.code, EPIPE);
}

static void asks_again(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	(void)data;
	assert_int_equal(err->code, EPIPE);
	ask(-1, 60000);
}

static void what_a_given_up_question_leads_to_is_asked_once(void **state)
{
	struct container_id_message message = { .id = "0123456789abcdef01234567" };
	struct error err = ERROR_INIT;

	(void)state;
	assert_ok(peer_ask(bench.peer, MESSAGE_CONTAINER_DELETE, &message, sizeof message, -1, 60000, asks_again, NULL, &err),
		  &err);
	take(1);
	for (size_t i = 1; i <= 2; i++) {
		hello();
		take(1 + 2 * i); /* the truth and the question */
	}
	hello(); /* the truth, and the question of the callback */
	take(7);
	reply(bench.serials[6], 0);
	assert_int_equal(bench.types[6], MESSAGE_CONTAINER_REVOKE);
	assert_int_equal(bench.came, 7);
	assert_int_equal(bench.answers, 1);
}

static void questions_wait_until_the_truth_is_told(void **state)
{
	(void)state;
	ask(-1, 60000);
	take(1);
	bench.hold = 1;
	hello();
	take(2);
	ask(-1, 60000); /* asked in between */
	assert_int_equal(bench.came, 2);
	peer_release(bench.peer);
	take(4);
	assert_true(bench.serials[2] == bench.serials[0]);
	assert_true(bench.serials[3] != bench.serials[0]);
	reply(bench.serials[3], 0);
	reply(bench.serials[2], 0);
	assert_int_equal(bench.answers, 2);
}

static void an_event_has_no_question(void **state)
{
	struct container_state_message message = { .state = CONTAINER_STATE_RUNNING };
	struct error err = ERROR_INIT;

	(void)state;
	assert_ok(channel_send(bench.engine, MESSAGE_CONTAINER_STATE, 0, &message, sizeof message, -1, &err), &err);
	assert_int_equal(loop_run(bench.loop, &err), 0);
	assert_int_equal(bench.events, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_finds_its_question, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(a_late_or_foreign_answer_is_ignored, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(silence_is_an_answer_too, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(after_hello_the_truth_comes_first_then_what_is_open, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(a_question_that_kills_is_given_up, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(what_a_given_up_question_leads_to_is_asked_once, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(questions_wait_until_the_truth_is_told, bench_open, bench_close),
		cmocka_unit_test_setup_teardown(an_event_has_no_question, bench_open, bench_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
