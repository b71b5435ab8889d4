/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/lib/fd.h"
#include "daemon/lib/loop.h"

/* What a callback saw, and what it shall do. */
struct record {
	struct loop *loop;
	struct loop_source *source, *other; /* to remove, when set */
	int calls, stop_after, code;
	int fd, signo, status;
	uint32_t events;
	pid_t pid;
};

static struct error err;

static struct loop *loop_made(void)
{
	struct loop *loop = loop_new(&err);

	assert_made(loop, &err);
	return loop;
}

static void record_call(struct record *record)
{
	record->calls++;
	if (record->source != NULL) {
		loop_remove(record->source);
		record->source = NULL;
	}
	if (record->other != NULL) {
		loop_remove(record->other);
		record->other = NULL;
	}
	if (record->calls == record->stop_after)
		loop_stop(record->loop, record->code);
}

static void on_fd(int fd, uint32_t events, void *data)
{
	struct record *record = data;
	char byte;

	record->fd = fd;
	record->events = events;
	if ((events & EPOLLIN) != 0)
		(void)!read(fd, &byte, 1);
	record_call(record);
}

static void on_timer(void *data)
{
	record_call(data);
}

static void on_signal(int signo, void *data)
{
	((struct record *)data)->signo = signo;
	record_call(data);
}

static void on_child(pid_t pid, int status, void *data)
{
	struct record *record = data;

	record->pid = pid;
	record->status = status;
	record_call(record);
}

/* Ends a run that hangs, so that a fault is a failure and not a wait. */
static void on_late(void *data)
{
	loop_stop(data, 99);
}

static void guard(struct loop *loop)
{
	assert_made(loop_add_timer(loop, 10000, on_late, loop, &err), &err);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void a_descriptor_calls_back(void **state)
{
	(void)state;
	struct loop *loop = loop_made();
	struct record record = { .loop = loop, .stop_after = 3, .code = 7 };
	int ends[2];

	guard(loop);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_made(loop_add_fd(loop, ends[0], EPOLLIN, on_fd, &record, &err), &err);
	assert_int_equal(fd_write_full(ends[1], "abc", 3), 0);
	assert_int_equal(loop_run(loop, &err), 7); /* level triggered: one call a byte */
	assert_int_equal(record.calls, 3);
	assert_int_equal(record.fd, ends[0]);
	assert_int_equal(record.events, EPOLLIN);

	record = (struct record){ .loop = loop, .stop_after = 1, .code = 0 };
	close(ends[1]);
	assert_int_equal(loop_run(loop, &err), 0); /* a loop can run again */
	assert_true((record.events & EPOLLHUP) != 0);
	loop_free(loop);
	assert_int_not_equal(fcntl(ends[0], F_GETFD), -1); /* still the caller's */
	close(ends[0]);
}

static void modify_changes_the_events(void **state)
{
	(void)state;
	struct loop *loop = loop_made();
	struct record record = { .loop = loop, .stop_after = 1, .code = 1 };
	int ends[2];

	guard(loop);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	struct loop_source *source = loop_add_fd(loop, ends[1], 0, on_fd, &record, &err);
	assert_made(source, &err);
	struct record tick = { .loop = loop, .stop_after = 1, .code = 2 };
	assert_made(loop_add_timer(loop, 20, on_timer, &tick, &err), &err);
	assert_int_equal(loop_run(loop, &err), 2); /* nothing asked for, nothing seen */
	assert_int_equal(record.calls, 0);
	assert_ok(loop_modify_fd(source, EPOLLOUT, &err), &err);
	assert_int_equal(loop_run(loop, &err), 1);
	assert_int_equal(record.events, EPOLLOUT);
	loop_free(loop);
	close(ends[0]);
	close(ends[1]);
}

static void bad_descriptors_are_errors(void **state)
{
	(void)state;
	struct loop *loop = loop_made();
	struct record record = { .loop = loop };

	assert_null(loop_add_fd(loop, -1, EPOLLIN, on_fd, &record, &err));
	assert_int_equal(err.code, EBADF);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int twice[2];
	assert_int_equal(pipe2(twice, O_CLOEXEC), 0);
	assert_made(loop_add_fd(loop, twice[0], EPOLLIN, on_fd, &record, &err), &err);
	assert_null(loop_add_fd(loop, twice[0], EPOLLIN, on_fd, &record, &err));
	assert_int_equal(err.code, EEXIST);
	loop_free(loop);
	close(fd);
	close(twice[0]);
	close(twice[1]);
}

static void timers_fire_in_order_and_once(void **state)
{
	(void)state;
	struct loop *loop = loop_made();
	struct record late = { .loop = loop, .stop_after = 1, .code = 5 };
	struct record early = { .loop = loop };
	struct record at_once = { .loop = loop };
	struct record never = { .loop = loop };
	int64_t start = now_ms();

	guard(loop);
	assert_made(loop_add_timer(loop, 60, on_timer, &late, &err), &err);
	assert_made(loop_add_timer(loop, 10, on_timer, &early, &err), &err);
	assert_made(loop_add_timer(loop, 0, on_timer, &at_once, &err), &err);
	assert_made(loop_add_timer(loop, -1, on_timer, &never, &err), &err);
	assert_int_equal(loop_run(loop, &err), 5);
	assert_true(now_ms() - start >= 60);
	assert_int_equal(early.calls, 1);
	assert_int_equal(at_once.calls, 1);
	assert_int_equal(never.calls, 0);
	loop_free(loop);
}

static struct loop_source *again_source;

static void on_again(void *data)
{
	struct record *record = data;

	record_call(record);
	assert_ok(loop_set_timer(again_source, 5, &err), &err);
}

static void a_timer_can_be_armed_again_and_disarmed(void **state)
{
	(void)state;
	struct loop *loop = loop_made();
	struct record record = { .loop = loop, .stop_after = 4, .code = 1 };
	struct record disarmed = { .loop = loop };

	guard(loop);
	again_source = loop_add_timer(loop, 1, on_again, &record, &err);
	struct loop_source *other = loop_add_timer(loop, 5, on_timer, &disarmed, &err);
	assert_made(other, &err);
	assert_ok(loop_set_timer(other, -1, &err), &err);
	assert_int_equal(loop_run(loop, &err), 1);
	assert_int_equal(record.calls, 4);
	assert_int_equal(disarmed.calls, 0);
	loop_free(loop);
}

static void signals_come_through_the_loop(void **state)
{
	(void)state;
	struct loop *loop = loop_made();
	struct record record = { .loop = loop, .stop_after = 1, .code = 3 };
	sigset_t before;

	sigprocmask(SIG_BLOCK, NULL, &before);
	guard(loop);
	assert_made(loop_add_signal(loop, SIGUSR1, on_signal, &record, &err), &err);
	raise(SIGUSR1); /* not deadly: blocked, and taken from the signalfd */
	assert_int_equal(loop_run(loop, &err), 3);
	assert_int_equal(record.signo, SIGUSR1);
	loop_free(loop);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_null(loop_add_signal(loop = loop_made(), 9999, on_signal, &record, &err));
	loop_free(loop);
}

static pid_t child_exiting(int code)
{
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(code);
	return pid;
}

static void children_are_reaped_once(void **state)
{
	(void)state;
	struct loop *loop = loop_made();
	struct record first = { .loop = loop }, second = { .loop = loop };
	struct record done = { .loop = loop, .stop_after = 1, .code = 1 };

	guard(loop);
	pid_t a = child_exiting(3);
	pid_t b = fork();
	if (b == 0) {
		pause();
		_exit(0);
	}
	assert_made(loop_add_child(loop, a, on_child, &first, &err), &err);
	assert_made(loop_add_child(loop, b, on_child, &second, &err), &err);
	usleep(20000);
	kill(b, SIGKILL);
	assert_made(loop_add_timer(loop, 200, on_timer, &done, &err), &err);
	assert_int_equal(loop_run(loop, &err), 1);
	assert_int_equal(first.calls, 1);
	assert_int_equal(first.pid, a);
	assert_true(WIFEXITED(first.status) && WEXITSTATUS(first.status) == 3);
	assert_int_equal(second.calls, 1);
	assert_int_equal(second.pid, b);
	assert_true(WIFSIGNALED(second.status) && WTERMSIG(second.status) == SIGKILL);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
	assert_int_equal(errno, ECHILD);
	loop_free(loop);
}

static void a_child_that_is_none_is_an_error(void **state)
{
	(void)state;
	struct loop *loop = loop_made();
	struct record record = { .loop = loop };
	pid_t gone = child_exiting(0);

	assert_int_equal(waitpid(gone, NULL, 0), gone);
	assert_null(loop_add_child(loop, gone, on_child, &record, &err));
	assert_int_equal(err.code, ESRCH);
	loop_free(loop);
}

/* Both are ready in one batch; whichever comes first removes the other, which must not be called (ASan looks on). */
static void removing_a_neighbour_in_the_same_batch(void **state)
{
	(void)state;
	struct loop *loop = loop_made();
	struct record a = { .loop = loop, .stop_after = 1, .code = 1 };
	struct record b = { .loop = loop, .stop_after = 1, .code = 1 };
	int first[2], second[2];

	guard(loop);
	assert_int_equal(pipe2(first, O_CLOEXEC), 0);
	assert_int_equal(pipe2(second, O_CLOEXEC), 0);
	b.other = loop_add_fd(loop, first[0], EPOLLIN, on_fd, &a, &err);
	a.other = loop_add_fd(loop, second[0], EPOLLIN, on_fd, &b, &err);
	a.stop_after = b.stop_after = 0; /* let the batch go on to its end */
	assert_int_equal(fd_write_full(first[1], "x", 1), 0);
	assert_int_equal(fd_write_full(second[1], "x", 1), 0);
	struct record done = { .loop = loop, .stop_after = 1, .code = 4 };
	assert_made(loop_add_timer(loop, 50, on_timer, &done, &err), &err);
	assert_int_equal(loop_run(loop, &err), 4);
	assert_int_equal(a.calls + b.calls, 1);
	loop_free(loop);
	close(first[0]);
	close(first[1]);
	close(second[0]);
	close(second[1]);
}

static void a_source_may_remove_itself(void **state)
{
	(void)state;
	struct loop *loop = loop_made();
	struct record fd_record = { .loop = loop }, timer = { .loop = loop }, sig = { .loop = loop };
	struct record done = { .loop = loop, .stop_after = 1, .code = 4 };
	sigset_t before;
	int ends[2];

	sigprocmask(SIG_BLOCK, NULL, &before);
	guard(loop);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fd_write_full(ends[1], "xyz", 3), 0);
	fd_record.source = loop_add_fd(loop, ends[0], EPOLLIN, on_fd, &fd_record, &err);
	timer.source = loop_add_timer(loop, 0, on_timer, &timer, &err);
	sig.source = loop_add_signal(loop, SIGUSR2, on_signal, &sig, &err);
	raise(SIGUSR2);
	assert_made(loop_add_timer(loop, 50, on_timer, &done, &err), &err);
	assert_int_equal(loop_run(loop, &err), 4);
	assert_int_equal(fd_record.calls, 1);
	assert_int_equal(timer.calls, 1);
	assert_int_equal(sig.calls, 1);
	loop_free(loop);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[0]);
	close(ends[1]);
}

static void stop_ends_the_batch(void **state)
{
	(void)state;
	struct loop *loop = loop_made();
	struct record a = { .loop = loop, .stop_after = 1, .code = 1 };
	struct record b = { .loop = loop, .stop_after = 1, .code = 1 };

	guard(loop);
	assert_made(loop_add_timer(loop, 0, on_timer, &a, &err), &err);
	assert_made(loop_add_timer(loop, 0, on_timer, &b, &err), &err);
	usleep(5000);
	assert_int_equal(loop_run(loop, &err), 1);
	assert_int_equal(a.calls + b.calls, 1);
	assert_int_equal(loop_run(loop, &err), 1); /* the other was only put off */
	assert_int_equal(a.calls + b.calls, 2);
	loop_free(loop);
}

static void many_sources_and_nothing_leaks(void **state)
{
	(void)state;
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(before);
	struct loop *loop = loop_made();
	struct record record = { .loop = loop, .stop_after = 200, .code = 1 };

	guard(loop);
	for (int i = 0; i < 200; i++)
		assert_made(loop_add_timer(loop, 1, on_timer, &record, &err), &err);
	assert_int_equal(loop_run(loop, &err), 1);
	loop_free(loop);
	loop_free(NULL);
	loop_remove(NULL);
	int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(before, after);
	close(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_calls_back),
		cmocka_unit_test(modify_changes_the_events),
		cmocka_unit_test(bad_descriptors_are_errors),
		cmocka_unit_test(timers_fire_in_order_and_once),
		cmocka_unit_test(a_timer_can_be_armed_again_and_disarmed),
		cmocka_unit_test(signals_come_through_the_loop),
		cmocka_unit_test(children_are_reaped_once),
		cmocka_unit_test(a_child_that_is_none_is_an_error),
		cmocka_unit_test(removing_a_neighbour_in_the_same_batch),
		cmocka_unit_test(a_source_may_remove_itself),
		cmocka_unit_test(stop_ends_the_batch),
		cmocka_unit_test(many_sources_and_nothing_leaks),
	};
	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
