/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/packets/world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/engine/netdev.h"
#include "daemon/engine/netlink.h"
#include "daemon/lib/error.h"
#include "daemon/lib/gateway.h"
#include "daemon/lib/hostnet.h"

#define OUTSIDE_LINK "up0"
#define OUTSIDE_ADDRESS "192.0.2.2"

enum { ECHO_PORT = 7, SINK_PORT = 9, CHUNK = 256 * 1024 };

/* What the container is asked; it answers with one struct result. */
struct order {
	enum { ROUND_TRIP, THROUGHPUT, STREAM } what;
	size_t amount;
};

struct result {
	uint64_t ns;
	size_t sent, lost;
};

static int container; /* socket to it */

void world_fail(const char *what, const struct error *err)
{
	printf("failed: %s: %s\n", what, err == NULL ? strerror(errno) : err->message);
	fflush(stdout);
	if (getpid() == 1)
		reboot(RB_POWER_OFF);
	_exit(1);
}

static void check(bool good, const char *what)
{
	if (!good)
		world_fail(what, NULL);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* -- the ends -- */

static struct sockaddr_in address(const char *text, uint16_t port)
{
	struct sockaddr_in made = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, text, &made.sin_addr);
	return made;
}

static int bound(int type, uint16_t port)
{
	struct sockaddr_in own = address("0.0.0.0", port);
	int fd = socket(AF_INET, type, 0);

	check(fd != -1 && bind(fd, (struct sockaddr *)&own, sizeof own) == 0, "cannot bind a socket");
	return fd;
}

static int connected(int type, uint16_t port)
{
	struct sockaddr_in far = address(OUTSIDE_ADDRESS, port);
	int fd = socket(AF_INET, type, 0);

	check(fd != -1 && connect(fd, (struct sockaddr *)&far, sizeof far) == 0, "cannot reach the outside");
	return fd;
}

__attribute__((noreturn)) static void echo_run(void)
{
	char bytes[2048];
	int fd = bound(SOCK_DGRAM, ECHO_PORT);

	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof from;
		ssize_t got = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
		if (got > 0)
			(void)!sendto(fd, bytes, (size_t)got, 0, (struct sockaddr *)&from, size);
	}
}

__attribute__((noreturn)) static void sink_run(void)
{
	static char bytes[CHUNK];
	int fd = bound(SOCK_STREAM, SINK_PORT);

	check(listen(fd, 8) == 0, "cannot listen");
	for (;;) {
		int taken = accept(fd, NULL, NULL);
		while (taken != -1 && read(taken, bytes, sizeof bytes) > 0)
			;
		close(taken);
	}
}

static int compare(const void *a, const void *b)
{
	const uint64_t *one = a, *two = b;

	return *one < *two ? -1 : *one > *two;
}

/* One packet there and back; false: not within wait_ms. */
static bool round_trip(int fd, uint32_t serial, int wait_ms)
{
	uint32_t seen;

	if (send(fd, &serial, sizeof serial, 0) != sizeof serial)
		return false;
	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		if (poll(&ready, 1, wait_ms) != 1)
			return false;
		if (recv(fd, &seen, sizeof seen, 0) == sizeof seen && seen == serial)
			return true;
	}
}

static void round_trips(size_t count, struct result *result)
{
	uint64_t *times = calloc(count, sizeof *times);
	int fd = connected(SOCK_DGRAM, ECHO_PORT);

	for (uint32_t i = 0; i < count; i++) {
		uint64_t start = now_ns();
		check(round_trip(fd, i, 10000), "a packet did not come back");
		times[i] = now_ns() - start;
	}
	qsort(times, count, sizeof *times, compare);
	result->ns = times[count / 2];
	free(times);
	close(fd);
}

static void throughput(size_t megabytes, struct result *result)
{
	static char bytes[CHUNK];
	int fd = connected(SOCK_STREAM, SINK_PORT);
	uint64_t start = now_ns();

	for (size_t left = megabytes << 20; left > 0;) {
		ssize_t sent = write(fd, bytes, left < sizeof bytes ? left : sizeof bytes);
		check(sent > 0, "cannot send");
		left -= (size_t)sent;
	}
	shutdown(fd, SHUT_WR);
	check(read(fd, bytes, 1) == 0, "the outside did not take all");
	result->ns = now_ns() - start;
	close(fd);
}

/* Until the next order comes. */
static void stream(int orders, struct result *result)
{
	struct pollfd asked = { .fd = orders, .events = POLLIN };
	int fd = connected(SOCK_DGRAM, ECHO_PORT);

	for (; poll(&asked, 1, 1) == 0; result->sent++)
		result->lost += !round_trip(fd, (uint32_t)result->sent, 2000);
	close(fd);
}

__attribute__((noreturn)) static void container_run(int orders)
{
	struct order order;

	while (read(orders, &order, sizeof order) == sizeof order) {
		struct result result = { 0 };
		if (order.what == ROUND_TRIP)
			round_trips(order.amount, &result);
		else if (order.what == THROUGHPUT)
			throughput(order.amount, &result);
		else
			stream(orders, &result);
		check(write(orders, &result, sizeof result) == sizeof result, "cannot answer");
	}
	_exit(0);
}

/* -- making them -- */

static void link_move(const char *name, pid_t pid)
{
	_Alignas(struct nlmsghdr) char buffer[1024];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct error err = ERROR_INIT;

	header->nlmsg_type = RTM_NEWLINK;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header->nlmsg_seq = 1;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
	info->ifi_index = (int)if_nametoindex(name);
	mnl_attr_put_u32(header, IFLA_NET_NS_PID, (uint32_t)pid);
	if (netlink_talk(NETLINK_ROUTE, header, header->nlmsg_len, 1, NULL, NULL, &err) == -1)
		world_fail("cannot move a link", &err);
}

/* In its own namespace: the address, and all the rest by the host. */
static void end_set(const char *name, const char *text)
{
	struct hostcfg_address own = { .family = AF_INET, .prefix = 32 }, gateway = own;
	struct error err = ERROR_INIT;
	unsigned index = if_nametoindex(name);

	inet_pton(AF_INET, text, &own.v4);
	inet_pton(AF_INET, GATEWAY4, &gateway.v4);
	struct hostnet_route route = { .to = { .family = AF_INET }, .gateway = gateway, .onlink = true };
	if (hostnet_link_up(index, 0, &err) == -1 || hostnet_address_add(index, &own, 0, &err) == -1 || hostnet_route_set(index, &route, &err) == -1)
		world_fail("cannot set up an end", &err);
}

/* A process in a namespace of its own, with the far end of host. It is told to go on when the link is there. */
static int end_make(const char *host, const char *peer, const char *text, void (*run)(int fd))
{
	uint8_t ipv6[16] = { 0xfd, [15] = (uint8_t)host[0] };
	struct error err = ERROR_INIT;
	uint32_t ipv4;
	int pair[2];
	char byte = 0;

	inet_pton(AF_INET, text, &ipv4);
	check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "no socket");
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		check(unshare(CLONE_NEWNET) == 0 && write(pair[1], &byte, 1) == 1 && read(pair[1], &byte, 1) == 1, "no network namespace");
		end_set(peer, text);
		check(write(pair[1], &byte, 1) == 1, "no word");
		run(pair[1]);
		_exit(0);
	}
	close(pair[1]);
	check(read(pair[0], &byte, 1) == 1, "an end did not begin");
	if (netdev_create(host, peer, ipv4, ipv6, &err) == -1)
		world_fail("no link", &err);
	link_move(peer, pid);
	check(write(pair[0], &byte, 1) == 1 && read(pair[0], &byte, 1) == 1, "an end was not set up");
	return pair[0];
}

static void outside_run(int fd)
{
	(void)fd;
	if (fork() == 0)
		sink_run();
	echo_run();
}

void world_make(void)
{
	struct error err = ERROR_INIT;

	check(mount("proc", "/proc", "proc", 0, NULL) == 0 && mount("sysfs", "/sys", "sysfs", 0, NULL) == 0, "cannot mount");
	signal(SIGPIPE, SIG_IGN);
	if (netdev_init(&err) == -1)
		world_fail("no forwarding", &err);
	(void)end_make(OUTSIDE_LINK, "out0", OUTSIDE_ADDRESS, outside_run);
	container = end_make(CONTAINER_LINK, "c0000000001", CONTAINER_ADDRESS, container_run);
	sleep(1);
}

/* -- orders -- */

static void order_send(int what, size_t amount)
{
	struct order order = { .what = what, .amount = amount };

	check(write(container, &order, sizeof order) == sizeof order, "the container is gone");
}

static struct result result_take(void)
{
	struct result result;

	check(read(container, &result, sizeof result) == sizeof result, "the container is gone");
	return result;
}

uint64_t world_round_trip(size_t count)
{
	order_send(ROUND_TRIP, count);
	return result_take().ns;
}

double world_throughput(size_t megabytes)
{
	order_send(THROUGHPUT, megabytes);
	return (double)megabytes * 1048576.0 / ((double)result_take().ns / 1000.0);
}

void world_stream_begin(void)
{
	order_send(STREAM, 0);
}

size_t world_stream_end(size_t *ret_sent)
{
	order_send(ROUND_TRIP, 1); /* ends the stream, and is taken behind it */
	struct result result = result_take();

	(void)result_take();
	*ret_sent = result.sent;
	return result.lost;
}
