/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/engine/attach.c -lwslay
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/attach.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/loop.h"

/* The real thing in a loop; its client here speaks bytes of RFC 6455 by hand. */
static struct {
	struct loop *loop;
	struct attach *attach;
	int client;
	int input, output, errors; /* the command's own ends */
	int ended;                 /* calls of the callback */
	unsigned char got[1 << 20];
	size_t size;
} bench;
static struct error err;

static void ended(void *data)
{
	(void)data;
	bench.ended++;
}

static void turn(void *data)
{
	(void)data;
	loop_stop(bench.loop, 0);
}

/* Lets the loop work for a moment and takes what the client is sent. */
static void settle(void)
{
	for (int i = 0; i < 5; i++) {
		struct loop_source *timer = loop_add_timer(bench.loop, 2, turn, NULL, &err);
		assert_made(timer, &err);
		assert_int_equal(loop_run(bench.loop, &err), 0);
		loop_remove(timer);
		ssize_t n = recv(bench.client, bench.got + bench.size, sizeof bench.got - bench.size, MSG_DONTWAIT);
		if (n > 0)
			bench.size += (size_t)n;
	}
}

static int bench_open(void **state)
{
	int pair[2];

	(void)state;
	memset(&bench, 0, sizeof bench);
	err = (struct error)ERROR_INIT;
	bench.loop = loop_new(&err);
	assert_made(bench.loop, &err);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	bench.client = pair[0];
	bench.attach = attach_new(bench.loop, pair[1], ended, NULL, &err);
	assert_made(bench.attach, &err);
	bench.input = bench.output = bench.errors = -1;
	return 0;
}

static int bench_close(void **state)
{
	(void)state;
	fd_cleanup(&bench.client);
	fd_cleanup(&bench.input);
	fd_cleanup(&bench.output);
	fd_cleanup(&bench.errors);
	attach_free(bench.attach);
	loop_free(bench.loop);
	return 0;
}

static void begin(pid_t pid)
{
	int in[2], out[2], errors[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
	bench.input = in[0];
	bench.output = out[1];
	bench.errors = errors[1];
	fcntl(bench.input, F_SETFL, O_NONBLOCK);
	fcntl(bench.output, F_SETFL, O_NONBLOCK);
	const int fds[] = { in[1], out[0], errors[0] };
	assert_ok(attach_begin(bench.attach, fds, 3, pid, &err), &err);
}

/* A masked frame, as a client sends it. */
static void frame(unsigned first, const void *data, size_t size)
{
	static unsigned char bytes[1 << 20];
	static const unsigned char mask[4] = { 1, 2, 3, 4 };
	size_t head = 2;

	bytes[0] = (unsigned char)first;
	if (size < 126) {
		bytes[1] = (unsigned char)(0x80 | size);
	} else if (size < 65536) {
		bytes[1] = 0x80 | 126;
		bytes[2] = (unsigned char)(size >> 8);
		bytes[3] = (unsigned char)size;
		head = 4;
	} else {
		bytes[1] = 0x80 | 127;
		for (int i = 0; i < 8; i++)
			bytes[2 + i] = (unsigned char)((uint64_t)size >> (56 - 8 * i));
		head = 10;
	}
	memcpy(bytes + head, mask, 4);
	for (size_t i = 0; i < size; i++)
		bytes[head + 4 + i] = ((const unsigned char *)data)[i] ^ mask[i % 4];
	for (size_t at = 0; at < head + 4 + size && bench.ended == 0;) {
		ssize_t n = send(bench.client, bytes + at, head + 4 + size - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			at += (size_t)n;
		else if (errno != EAGAIN)
			return;
		settle();
	}
}

static void text(const char *json)
{
	frame(0x81, json, strlen(json));
	settle();
}

/* The client's bytes are one frame of this kind and content, and it is taken away. */
static void expect(unsigned first, const void *data, size_t size)
{
	assert_true(size < 126 && bench.size >= 2 + size);
	assert_int_equal(bench.got[0], first);
	assert_int_equal(bench.got[1], size);
	assert_memory_equal(bench.got + 2, data, size);
	bench.size -= 2 + size;
	memmove(bench.got, bench.got + 2 + size, bench.size);
}

static void expect_text(const char *json)
{
	expect(0x81, json, strlen(json));
}

static void streams_go_both_ways(void **state)
{
	char got[64] = "";

	(void)state;
	begin(0);
	assert_int_equal(write(bench.output, "out", 3), 3);
	settle();
	expect(0x82, "\001out", 4);
	assert_int_equal(write(bench.errors, "err", 3), 3);
	settle();
	expect(0x82, "\002err", 4);
	frame(0x82, "\000in", 3);
	settle();
	assert_int_equal(read(bench.input, got, sizeof got), 2);
	assert_string_equal(got, "in");
	/* A message in two frames, with a ping in between. */
	frame(0x02, "\000a", 2);
	frame(0x89, "?", 1);
	frame(0x80, "b", 1);
	settle();
	expect(0x8a, "?", 1);
	assert_int_equal(read(bench.input, got, sizeof got), 2);
	assert_memory_equal(got, "ab", 2);
	text("{\"type\":\"end\"}");
	assert_int_equal(read(bench.input, got, sizeof got), 0);
	assert_int_equal(bench.ended, 0);
}

static void the_end_comes_behind_the_output(void **state)
{
	(void)state;
	begin(0);
	assert_int_equal(write(bench.output, "last", 4), 4);
	attach_end(bench.attach, 3 << 8, &(struct error)ERROR_INIT, ended);
	settle();
	expect(0x82, "\001last", 5);
	expect_text("{\"type\":\"exit\",\"exit_code\":3,\"signal\":null}");
	expect(0x88, "\003\350", 2); /* 1000 */
	assert_int_equal(bench.ended, 1);
	assert_int_equal(bench.size, 0);
}

static void a_signal_is_told(void **state)
{
	(void)state;
	begin(0);
	attach_end(bench.attach, SIGKILL, &(struct error)ERROR_INIT, ended);
	settle();
	expect_text("{\"type\":\"exit\",\"exit_code\":null,\"signal\":9}");
}

static void why_it_was_not_run_is_told(void **state)
{
	(void)state;
	struct error failure = { .code = EINVAL, .field = "cwd", .message = "no \"such\" folder" };

	attach_end(bench.attach, 0, &failure, ended);
	settle();
	expect_text("{\"type\":\"error\",\"message\":\"no \\\"such\\\" folder\",\"field\":\"cwd\"}");
	assert_int_equal(bench.ended, 1);
}

static void who_goes_is_gone(void **state)
{
	(void)state;
	begin(0);
	frame(0x88, "\003\350", 2);
	settle();
	expect(0x88, "\003\350", 2);
	assert_int_equal(bench.ended, 1);
	attach_end(bench.attach, 0, &(struct error)ERROR_INIT, ended);
	assert_int_equal(bench.ended, 2); /* at once: nobody is there */
}

static void a_broken_connection_is_seen(void **state)
{
	(void)state;
	begin(0);
	fd_cleanup(&bench.client);
	bench.client = open("/dev/null", O_RDONLY | O_CLOEXEC);
	settle();
	assert_int_equal(bench.ended, 1);
}

/* Each on a connection of its own: it is closed with 1008, or with 1002, 1007 and 1009 by the library. */
static void what_breaks_the_protocol_is_refused(void **state)
{
	static const struct { unsigned first; const char *data; size_t size; unsigned code; } bad[] = {
		{ 0x82, "", 0, 1008 }, { 0x82, "\001out", 4, 1008 }, { 0x81, "{", 1, 1008 }, { 0x81, "[]", 2, 1008 },
		{ 0x81, "{\"type\":\"x\"}", 12, 1008 }, { 0x81, "{\"type\":\"end\",\"x\":1}", 20, 1008 },
		{ 0x81, "{\"type\":\"resize\",\"columns\":1,\"rows\":1}", 38, 1008 }, /* no terminal */
		{ 0x81, "{\"type\":\"signal\",\"signal\":0}", 28, 1008 }, { 0x81, "{\"type\":\"signal\",\"signal\":65}", 29, 1008 },
		{ 0x81, "{\"type\":\"signal\",\"signal\":\"9\"}", 30, 1008 }, { 0x81, "\377", 1, 1007 },
		{ 0xc2, "\000a", 2, 1002 }, { 0x83, "a", 1, 1002 }, { 0x80, "a", 1, 1002 }, { 0x09, "a", 1, 0 }, /* without a code */
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		if (i > 0)
			bench_open(state);
		begin(0);
		frame(bad[i].first, bad[i].data, bad[i].size);
		settle();
		if (bench.size < (bad[i].code == 0 ? 2 : 4) || bench.got[0] != 0x88 || (bench.got[2] << 8 | bench.got[3]) != (int)bad[i].code || bench.ended != 1)
			fail_msg("%zu: %zu bytes, %02x %u, ended %d", i, bench.size, bench.got[0],
				 (unsigned)(bench.got[2] << 8 | bench.got[3]), bench.ended);
		if (i + 1 < COUNT(bad))
			bench_close(state);
	}
}

static void a_message_has_a_limit(void **state)
{
	static char large[300 * 1024];

	(void)state;
	begin(0);
	frame(0x82, large, sizeof large);
	settle();
	assert_int_equal(bench.got[2] << 8 | bench.got[3], 1009);
	assert_int_equal(bench.ended, 1);
}

static void nobody_is_flooded(void **state)
{
	static char block[65536];
	size_t written = 0, sent = 0;
	ssize_t n;

	(void)state;
	begin(0);
	/* The client does not read: the command has to wait. */
	for (int i = 0; i < 200; i++) {
		struct loop_source *timer = loop_add_timer(bench.loop, 1, turn, NULL, &err);
		while ((n = write(bench.output, block, sizeof block)) > 0)
			written += (size_t)n;
		assert_int_equal(loop_run(bench.loop, &err), 0);
		loop_remove(timer);
	}
	assert_true(written > 65536 && written < 1 << 20);
	/* The command does not read: the client has to wait. */
	for (int i = 0; i < 400; i++) {
		struct loop_source *timer = loop_add_timer(bench.loop, 1, turn, NULL, &err);
		static unsigned char head[] = { 0x82, 0x80 | 126, 0x20, 0, 0, 0, 0, 0 };
		unsigned char message[8 + 8192] = { 0 };
		memcpy(message, head, sizeof head);
		n = send(bench.client, message, sizeof message, MSG_DONTWAIT);
		if (n > 0)
			sent += (size_t)n;
		if (n > 0 && n < (ssize_t)sizeof message)
			i = 400;
		assert_int_equal(loop_run(bench.loop, &err), 0);
		loop_remove(timer);
	}
	assert_true(sent > 65536 && sent < 2 << 20);
	assert_int_equal(bench.ended, 0);
}

static void a_terminal_has_a_size(void **state)
{
	struct winsize size;
	struct termios raw = { 0 };
	int master, slave;
	char got[16] = "";

	(void)state;
	cfmakeraw(&raw);
	assert_int_equal(openpty(&master, &slave, NULL, &raw, NULL), 0);
	assert_ok(attach_begin(bench.attach, &master, 1, 0, &err), &err);
	text("{\"type\":\"resize\",\"columns\":132,\"rows\":43}");
	assert_int_equal(ioctl(slave, TIOCGWINSZ, &size), 0);
	assert_int_equal(size.ws_col, 132);
	assert_int_equal(size.ws_row, 43);
	frame(0x82, "\000typed", 6);
	settle();
	assert_int_equal(read(slave, got, sizeof got), 5);
	assert_string_equal(got, "typed");
	assert_int_equal(write(slave, "shown", 5), 5);
	settle();
	expect(0x82, "\001shown", 6);
	close(slave);
	settle();
	assert_int_equal(bench.ended, 0); /* the command may live on without its terminal */
	text("{\"type\":\"resize\",\"columns\":0,\"rows\":43}");
	assert_int_equal(bench.ended, 1);
}

static void a_signal_reaches_the_group(void **state)
{
	int status;

	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		pause();
		_exit(0);
	}
	setpgid(pid, pid);
	begin(pid);
	text("{\"type\":\"signal\",\"signal\":12}");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == 12);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(streams_go_both_ways),
		TEST(the_end_comes_behind_the_output),
		TEST(a_signal_is_told),
		TEST(why_it_was_not_run_is_told),
		TEST(who_goes_is_gone),
		TEST(a_broken_connection_is_seen),
		TEST(what_breaks_the_protocol_is_refused),
		TEST(a_message_has_a_limit),
		TEST(nobody_is_flooded),
		TEST(a_terminal_has_a_size),
		TEST(a_signal_reaches_the_group),
	};
	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
