/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/lib/packet.h"

static int ends[2];
static char text[16];

static int setup(void **state)
{
	(void)state;
	memset(text, 0, sizeof text);
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int teardown(void **state)
{
	(void)state;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static unsigned open_fds(void)
{
	unsigned count = 0;
	DIR *dir = opendir("/proc/self/fd");

	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static int send_word(const char *word, const int *fds, size_t count)
{
	const struct iovec part = { .iov_base = (void *)(uintptr_t)word, .iov_len = strlen(word) };

	return packet_send(ends[0], &part, 1, fds, count, 0);
}

static ssize_t receive(size_t size, int *fds, size_t room, size_t *ret_count)
{
	const struct iovec part = { .iov_base = text, .iov_len = size };

	return packet_receive(ends[1], &part, 1, fds, room, ret_count, MSG_DONTWAIT);
}

static void bytes_and_descriptors_travel(void **state)
{
	int own[PACKET_FDS_MAX + 1] = { ends[0], ends[1], ends[0], ends[1] }, fds[2];
	size_t count;

	(void)state;
	assert_int_equal(send_word("two", own, 2), 0);
	assert_int_equal(receive(sizeof text, fds, 2, &count), 3);
	assert_int_equal(count, 2);
	assert_string_equal(text, "two");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		close(fds[i]);
	}
	assert_int_equal(send_word("none", NULL, 0), 0);
	assert_int_equal(receive(sizeof text, fds, 2, &count), 4);
	assert_int_equal(count, 0);
}

/* One for which there is no room must not stay open. */
static void too_much_is_refused_and_closed(void **state)
{
	int own[2] = { ends[0], ends[1] }, fds[2];
	size_t count;

	(void)state;
	unsigned before = open_fds();
	assert_int_equal(send_word("two", own, 2), 0);
	assert_int_equal(receive(sizeof text, fds, 1, &count), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(count, 0);
	assert_int_equal(send_word("one", own, 1), 0);
	assert_int_equal(receive(sizeof text, NULL, 0, &count), -1);
	assert_int_equal(send_word("long", own, 1), 0);
	assert_int_equal(receive(3, fds, 1, &count), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(open_fds(), before);
	assert_int_equal(send_word("x", own, PACKET_FDS_MAX + 1), -1);
	assert_int_equal(errno, EINVAL);
}

static void nothing_and_the_end_are_told_apart(void **state)
{
	int fds[2];
	size_t count;

	(void)state;
	assert_int_equal(receive(sizeof text, fds, 2, &count), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
	assert_int_equal(receive(sizeof text, fds, 2, &count), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_and_descriptors_travel, setup, teardown),
		cmocka_unit_test_setup_teardown(too_much_is_refused_and_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_and_the_end_are_told_apart, setup, teardown),
	};
	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
