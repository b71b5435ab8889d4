/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"

enum { BACKLOG_MAX = 4096 }; /* as message.h says */

/* What one channel's handler saw. */
struct seen {
	struct loop *loop;
	int frames, closed, stop_after;
	uint32_t type, size;
	uint64_t serial, next_serial;
	unsigned char payload[1024];
	bool keep_fd, in_order;
	int fd;
	struct stat fd_stat;
};

struct header { /* as on the wire */
	uint32_t type, size;
	uint64_t serial;
};

static struct error err;
static struct loop *loop;
static struct channel *channel;
static struct seen seen;
static int peer; /* the raw other end */

static void on_message(struct channel *from, struct message *message, void *data)
{
	struct seen *record = data;

	assert_ptr_equal(from, channel);
	if (message->type == 0) {
		record->closed++;
		loop_stop(record->loop, 2);
		return;
	}
	record->frames++;
	record->type = message->type;
	record->size = message->size;
	record->serial = message->serial;
	record->in_order = record->in_order && message->serial == record->next_serial++;
	if (message->size <= sizeof record->payload)
		memcpy(record->payload, message->payload, message->size);
	record->fd = message->fd;
	if (message->fd != -1) {
		assert_int_equal(fstat(message->fd, &record->fd_stat), 0);
		assert_true((fcntl(message->fd, F_GETFD) & FD_CLOEXEC) != 0);
		if (record->keep_fd)
			message->fd = -1;
	}
	if (record->frames == record->stop_after)
		loop_stop(record->loop, 1);
}

static void on_late(void *data)
{
	loop_stop(data, 99);
}

static int open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 4096; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

static int setup(void **state)
{
	(void)state;
	int ends[2];

	log_init("test", LOG_LEVEL_ERROR);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	loop = loop_new(&err);
	assert_made(loop, &err);
	seen = (struct seen){ .loop = loop, .stop_after = 1, .fd = -1, .in_order = true };
	channel = channel_new(loop, ends[0], on_message, &seen, &err);
	assert_made(channel, &err);
	peer = ends[1];
	assert_made(loop_add_timer(loop, 10000, on_late, loop, &err), &err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	channel_free(channel);
	loop_free(loop);
	if (peer != -1)
		close(peer);
	return 0;
}

/* Puts a frame on the wire as it is, right or wrong; size is what its header claims. */
static void raw_send(uint32_t type, uint32_t claimed, const void *payload, size_t size, const int *fds, int fd_count)
{
	struct header header = { type, claimed, 77 };
	struct iovec parts[2] = { { &header, sizeof header }, { (void *)(uintptr_t)payload, size } };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = { 0 };
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 2 };

	if (fd_count > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE((size_t)fd_count * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN((size_t)fd_count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, (size_t)fd_count * sizeof(int));
	}
	assert_int_equal(sendmsg(peer, &msg, MSG_NOSIGNAL), sizeof header + size);
}

static void assert_closed(void)
{
	assert_int_equal(loop_run(loop, &err), 2);
	assert_int_equal(seen.closed, 1);
	assert_int_equal(seen.frames, 0);
	assert_int_equal(channel_send(channel, MESSAGE_HOST_STATUS, 1, NULL, 0, -1, &err), -1);
	assert_int_equal(err.code, EPIPE);
}

static void a_frame_arrives_as_sent(void **state)
{
	(void)state;
	struct hello_message hello = { .version = PROTOCOL_VERSION, .pid = 42 };

	raw_send(MESSAGE_HELLO, sizeof hello, &hello, sizeof hello, NULL, 0);
	assert_int_equal(loop_run(loop, &err), 1);
	assert_int_equal(seen.type, MESSAGE_HELLO);
	assert_int_equal(seen.size, sizeof hello);
	assert_int_equal(seen.serial, 77);
	assert_memory_equal(seen.payload, &hello, sizeof hello);
	assert_int_equal(seen.fd, -1);

	raw_send(MESSAGE_HOST_STATUS, 0, NULL, 0, NULL, 0); /* no payload */
	seen.stop_after = 2;
	assert_int_equal(loop_run(loop, &err), 1);
	assert_int_equal(seen.size, 0);
}

static void send_puts_one_frame_on_the_wire(void **state)
{
	(void)state;
	struct hello_message hello = { .version = PROTOCOL_VERSION, .pid = 42 };
	unsigned char buffer[256];
	struct header header;

	assert_ok(channel_send(channel, MESSAGE_HELLO, 5, &hello, sizeof hello, -1, &err), &err);
	assert_int_equal(recv(peer, buffer, sizeof buffer, MSG_DONTWAIT), sizeof header + sizeof hello);
	memcpy(&header, buffer, sizeof header);
	assert_int_equal(header.type, MESSAGE_HELLO);
	assert_int_equal(header.size, sizeof hello);
	assert_int_equal(header.serial, 5);
	assert_memory_equal(buffer + sizeof header, &hello, sizeof hello);
}

static void a_descriptor_travels(void **state)
{
	(void)state;
	struct image_message image = { .bytes_max = 1 };
	int before = open_fds();
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	raw_send(MESSAGE_IMAGE_IMPORT, sizeof image, &image, sizeof image, &fd, 1);
	close(fd);
	assert_int_equal(loop_run(loop, &err), 1);
	assert_int_not_equal(seen.fd, -1);
	assert_int_equal(seen.fd_stat.st_rdev, st.st_rdev);
	assert_int_equal(open_fds(), before); /* closed behind the handler */

	seen.keep_fd = true;
	seen.stop_after = 2;
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	raw_send(MESSAGE_IMAGE_IMPORT, sizeof image, &image, sizeof image, &fd, 1);
	close(fd);
	assert_int_equal(loop_run(loop, &err), 1);
	assert_int_not_equal(fcntl(seen.fd, F_GETFD), -1); /* the handler kept it */
	close(seen.fd);
}

static void send_keeps_the_callers_descriptor(void **state)
{
	(void)state;
	struct image_message image = { .bytes_max = 1 };
	cleanup_fd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_ok(channel_send(channel, MESSAGE_IMAGE_IMPORT, 1, &image, sizeof image, fd, &err), &err);
	assert_int_not_equal(fcntl(fd, F_GETFD), -1);
}

static void malformed_frames_close_the_channel(void **state)
{
	int which = *(int *)*state;
	static const struct hello_message hello = { .version = PROTOCOL_VERSION };
	static const unsigned char zeros[8192];
	struct result_message endless;
	int before = open_fds();
	int fds[3] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };

	memset(&endless, 'x', sizeof endless);
	switch (which) {
	case 0: /* less than a header */
		assert_int_equal(send(peer, zeros, 7, 0), 7);
		break;
	case 1: /* an empty datagram looks like the end */
		assert_int_equal(send(peer, zeros, 0, 0), 0);
		break;
	case 2:
		raw_send(MESSAGE_HELLO, sizeof hello + 1, &hello, sizeof hello, NULL, 0);
		break;
	case 3:
		raw_send(MESSAGE_HELLO, sizeof hello - 1, &hello, sizeof hello - 1, NULL, 0);
		break;
	case 4:
		raw_send(MESSAGE_HELLO, UINT32_MAX, &hello, sizeof hello, NULL, 0);
		break;
	case 5:
		raw_send(MESSAGE_TYPE_COUNT, 0, NULL, 0, NULL, 0);
		break;
	case 6: /* type 0 is the handler's sign of a close, never a frame */
		raw_send(0, 0, NULL, 0, NULL, 0);
		break;
	case 7:
		raw_send(MESSAGE_RESULT, sizeof endless, &endless, sizeof endless, NULL, 0);
		break;
	case 8: /* a descriptor in a bad frame must not stay open */
		raw_send(MESSAGE_TYPE_COUNT, 0, NULL, 0, fds, 1);
		break;
	case 9:
		raw_send(MESSAGE_HELLO, sizeof hello + 4, &hello, sizeof hello, fds, 1);
		break;
	case 10: /* one descriptor a frame, never more */
		raw_send(MESSAGE_HELLO, sizeof hello, &hello, sizeof hello, fds, 2);
		break;
	case 11:
		raw_send(MESSAGE_HELLO, sizeof hello, &hello, sizeof hello, fds, 3);
		break;
	}
	assert_closed();
	assert_int_equal(open_fds(), before - 1); /* only the channel's own is gone */
}

static void a_closed_peer_is_told_once(void **state)
{
	(void)state;
	close(peer);
	peer = -1;
	assert_closed();
}

/* Frames sent before the peer closed are still handled. */
static void the_last_frames_count(void **state)
{
	(void)state;
	struct hello_message hello = { .version = PROTOCOL_VERSION };

	seen.stop_after = 0;
	for (int i = 0; i < 3; i++)
		raw_send(MESSAGE_HELLO, sizeof hello, &hello, sizeof hello, NULL, 0);
	close(peer);
	peer = -1;
	assert_int_equal(loop_run(loop, &err), 2);
	assert_int_equal(seen.frames, 3);
	assert_int_equal(seen.closed, 1);
}

static void sending_to_a_closed_peer_fails(void **state)
{
	(void)state;
	close(peer);
	peer = -1;
	assert_int_equal(channel_send(channel, MESSAGE_HOST_STATUS, 1, NULL, 0, -1, &err), -1); /* and no SIGPIPE */
	assert_int_equal(err.code, EPIPE);
}

/* A peer that does not read: frames queue up to the limit, then ENOBUFS; all queued ones arrive later, in order. */
static void a_slow_peer_gets_everything_in_order(void **state)
{
	(void)state;
	struct hello_message hello = { .version = PROTOCOL_VERSION };
	uint64_t sent = 0;

	while (channel_send(channel, MESSAGE_HELLO, sent, &hello, sizeof hello, -1, &err) == 0) {
		sent++;
		assert_true(sent < 1000000);
	}
	assert_int_equal(err.code, ENOBUFS);
	assert_true(sent >= BACKLOG_MAX);

	/* The peer now is a channel in the same loop. */
	struct channel *ours = channel;
	seen.stop_after = (int)sent;
	channel = channel_new(loop, peer, on_message, &seen, &err);
	assert_made(channel, &err);
	assert_int_equal(loop_run(loop, &err), 1);
	assert_int_equal(seen.frames, sent);
	assert_true(seen.in_order);
	assert_ok(channel_send(ours, MESSAGE_HELLO, sent, &hello, sizeof hello, -1, &err), &err); /* room again */
	channel_free(ours);
	peer = -1;
}

static void free_drops_what_is_queued(void **state)
{
	(void)state;
	struct image_message image = { .bytes_max = 1 };
	int before = open_fds();

	while (channel_send(channel, MESSAGE_IMAGE_IMPORT, 1, &image, sizeof image, STDIN_FILENO, &err) == 0)
		;
	assert_true(err.code == ENOBUFS || err.code == ETOOMANYREFS || err.code == EMFILE);
	channel_free(channel);
	channel = NULL;
	channel_free(NULL);
	assert_int_equal(open_fds(), before - 1); /* duplicated descriptors went too */
}

static void too_large_a_frame_is_refused(void **state)
{
	(void)state;
	unsigned char *large = calloc(1, 64 * 1024 + 1);

	assert_int_equal(channel_send(channel, MESSAGE_HELLO, 1, large, 64 * 1024 + 1, -1, &err), -1);
	assert_int_equal(err.code, EMSGSIZE);
	free(large);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static int which_frame;

static int setup_frame(void **state)
{
	setup(state);
	*state = &which_frame;
	return 0;
}

static int teardown_frame(void **state)
{
	which_frame++;
	return teardown(state);
}

#define FRAME(says) { says, malformed_frames_close_the_channel, setup_frame, teardown_frame, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_arrives_as_sent),
		TEST(send_puts_one_frame_on_the_wire),
		TEST(a_descriptor_travels),
		TEST(send_keeps_the_callers_descriptor),
		FRAME("malformed: shorter than a header"), /* in the order of the switch */
		FRAME("malformed: empty"),
		FRAME("malformed: claims more than it has"),
		FRAME("malformed: wrong size for its type"),
		FRAME("malformed: claims 4 GiB"),
		FRAME("malformed: unknown type"),
		FRAME("malformed: type 0"),
		FRAME("malformed: endless string"),
		FRAME("malformed: unknown type with a descriptor"),
		FRAME("malformed: wrong claim with a descriptor"),
		FRAME("malformed: two descriptors"),
		FRAME("malformed: three descriptors"),
		TEST(a_closed_peer_is_told_once),
		TEST(the_last_frames_count),
		TEST(sending_to_a_closed_peer_fails),
		TEST(a_slow_peer_gets_everything_in_order),
		TEST(free_drops_what_is_queued),
		TEST(too_large_a_frame_is_refused),
	};
	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
