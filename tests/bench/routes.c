/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * routes SOCKET COUNT TIMES LABEL - what the gate's own code takes to bring COUNT routes to a HAProxy,
 * then to add and to remove one, TIMES each. LABEL is one of them, and leads to 10.77.0.2. Prints
 * lines "NAME VALUE": milliseconds of the whole, microseconds of each change.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/gate/feed.h"
#include "daemon/lib/error.h"
#include "daemon/lib/loop.h"

static struct {
	struct loop *loop;
	struct feed *feed;
	int64_t since_us;
	int times, done;
} self;

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "routes: %s\n", what);
	exit(1);
}

static struct route route_of(const char *label)
{
	struct route_message message = { .ipv4 = htonl(0x0a4d0002), .port = 80 };
	struct error err = ERROR_INIT;
	struct route route;

	snprintf(message.label, sizeof message.label, "%s", label);
	if (route_make(&message, &route, &err) == -1)
		fail(err.message);
	return route;
}

/* As ids are: no order in them. */
static void label_of(unsigned number, char label[64])
{
	uint64_t mixed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	snprintf(label, 64, "%016llx%08x-%08x%016llx", (unsigned long long)mixed, number, number, (unsigned long long)~mixed);
}

/* Of an odd number: a route more; of the even one behind it: that one less. */
static void change(int number)
{
	struct error err = ERROR_INIT;
	char label[64];

	label_of(0x40000000U + (unsigned)(number / 2), label);
	self.since_us = now_us();
	struct route route = route_of(label);
	if (number % 2 == 0 ? feed_set(self.feed, &route, 1, &err) == -1 : feed_remove(self.feed, label, 1, &err) == -1)
		fail(err.message);
	if (number % 2 != 0)
		route_free(&route);
}

static void answered(uint64_t serial, int code, const char *message, void *data)
{
	(void)serial;
	(void)data;
	if (code != 0)
		fail(message);
	int64_t took = now_us() - self.since_us;
	if (self.done == 0)
		printf("whole %lld\n", (long long)took / 1000);
	else
		printf("%s %lld\n", self.done % 2 == 1 ? "add" : "remove", (long long)took);
	if (self.done++ == 2 * self.times)
		loop_stop(self.loop, 0);
	else
		change(self.done - 1);
}

int main(int argc, char **argv)
{
	struct route_table table = { 0 };
	struct error err = ERROR_INIT;
	struct route before;
	char label[64];

	if (argc != 5)
		fail("usage: routes SOCKET COUNT TIMES LABEL");
	self.times = atoi(argv[3]);
	self.loop = loop_new(&err);
	self.feed = self.loop == NULL ? NULL : feed_new(self.loop, argv[1], answered, NULL, &err);
	if (self.feed == NULL)
		fail(err.message);
	for (int i = 0; i < atoi(argv[2]); i++) {
		label_of((unsigned)i, label);
		struct route route = route_of(i == 0 ? argv[4] : label);
		if (route_table_set(&table, &route, &before, &err) == NULL)
			fail(err.message);
	}
	self.since_us = now_us();
	if (feed_replace(self.feed, &table, 1, &err) == -1 || loop_run(self.loop, &err) == -1)
		fail(err.message);
	return 0;
}
