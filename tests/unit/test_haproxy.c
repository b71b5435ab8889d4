/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/gate/haproxy.c daemon/gate/feed.c daemon/gate/route_table.c
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/gate/feed.h"
#include "daemon/gate/haproxy.h"
#include "daemon/lib/error.h"
#include "daemon/lib/loop.h"

static const char *answer_of(const char *received)
{
	static char text[256];
	char *answer;

	snprintf(text, sizeof text, "%s", received);
	return haproxy_answer_complete(text, &answer) ? answer : NULL;
}

/* As HAProxy 3.0.11 was seen to answer. */
static void answers_end_with_a_prompt(void **state)
{
	(void)state;
	assert_string_equal(answer_of("\n> "), "");
	assert_string_equal(answer_of("Key not found.\n\n> "), "Key not found.");
	assert_string_equal(answer_of("+ + + \n> "), "");
	assert_string_equal(answer_of("New version created: 1\n\n> "), "New version created: 1");
	assert_null(answer_of(""));
	assert_null(answer_of("> "));
	assert_null(answer_of("New version created: 1\n"));
	assert_null(answer_of("New version created: 1\n\n>"));
}

/* A HAProxy of a few lines: notes every command, answers as the real one. */
struct proxy {
	struct loop *loop;
	int listener, fd;
	struct loop_source *source;
	char path[64], seen[4096], line[4096];
	int versions;
	bool silent;
	bool refuses; /* the next payload */
	unsigned int done, failed;
	unsigned int wanted; /* answers after which the loop ends */
};

static void proxy_data(int fd, uint32_t events, void *data)
{
	struct proxy *proxy = data;
	size_t size = strlen(proxy->line);
	ssize_t n = recv(fd, proxy->line + size, sizeof proxy->line - 1 - size, MSG_DONTWAIT);

	(void)events;
	if (n <= 0)
		return;
	proxy->line[size + (size_t)n] = '\0';
	/* A payload ends with an empty line, any other command with its newline. */
	if (strstr(proxy->line, "<<\n") != NULL ? strstr(proxy->line, "\n\n") == NULL : strchr(proxy->line, '\n') == NULL)
		return;
	size = strlen(proxy->seen);
	snprintf(proxy->seen + size, sizeof proxy->seen - size, "%.1000s", proxy->line);
	char answer[64] = "\n> ";
	if (strncmp(proxy->line, "prepare", 7) == 0)
		snprintf(answer, sizeof answer, "New version created: %d\n\n> ", ++proxy->versions);
	if (strncmp(proxy->line, "del", 3) == 0)
		snprintf(answer, sizeof answer, "Key not found.\n\n> ");
	if (proxy->refuses && strstr(proxy->line, "<<\n") != NULL) {
		snprintf(answer, sizeof answer, "Out of memory.\n\n> ");
		proxy->refuses = false;
	}
	proxy->line[0] = '\0';
	if (!proxy->silent)
		assert_true(send(fd, answer, strlen(answer), MSG_NOSIGNAL) > 0);
}

static void proxy_accept(int fd, uint32_t events, void *data)
{
	struct proxy *proxy = data;
	struct error err = ERROR_INIT;

	(void)events;
	proxy->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(proxy->fd >= 0);
	proxy->line[0] = '\0';
	proxy->source = loop_add_fd(proxy->loop, proxy->fd, EPOLLIN, proxy_data, proxy, &err);
	assert_non_null(proxy->source);
}

static void proxy_done(uint64_t serial, int code, const char *message, void *data)
{
	struct proxy *proxy = data;

	(void)serial;
	(void)message;
	proxy->done++;
	proxy->failed += code != 0;
	if (proxy->done == proxy->wanted)
		loop_stop(proxy->loop, 0);
}

static void proxy_listen(struct proxy *proxy)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct error err = ERROR_INIT;

	memcpy(address.sun_path, proxy->path, sizeof proxy->path);
	proxy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(proxy->listener, 4), 0);
	assert_non_null(loop_add_fd(proxy->loop, proxy->listener, EPOLLIN, proxy_accept, proxy, &err));
}

static void proxy_new(struct proxy *proxy)
{
	struct error err = ERROR_INIT;

	*proxy = (struct proxy){ .fd = -1, .listener = -1 };
	snprintf(proxy->path, sizeof proxy->path, "/tmp/test_haproxy.%d", (int)getpid());
	unlink(proxy->path);
	proxy->loop = loop_new(&err);
	assert_non_null(proxy->loop);
}

static struct route route_new(const char *label, uint16_t port)
{
	struct route_message message = { .ipv4 = htonl(0x0a4d0002), .port = port };
	struct error err = ERROR_INIT;
	struct route route;

	snprintf(message.label, sizeof message.label, "%s", label);
	assert_ok(route_make(&message, &route, &err), &err);
	return route;
}

static struct route alias_new(const char *host, const char *owner)
{
	struct route_message message = { .ipv4 = htonl(0x0a4d0002), .port = 80 };
	struct error err = ERROR_INIT;
	struct route route;

	snprintf(message.label, sizeof message.label, "%s", host);
	snprintf(message.owner, sizeof message.owner, "%s", owner);
	assert_ok(route_make(&message, &route, &err), &err);
	return route;
}

static int set(struct feed *feed, struct route route, uint64_t serial)
{
	struct error err = ERROR_INIT;

	return feed_set(feed, &route, serial, &err);
}

static void run_until(struct proxy *proxy, unsigned int wanted)
{
	struct error err = ERROR_INIT;

	proxy->wanted = wanted;
	if (proxy->done < wanted)
		assert_int_equal(loop_run(proxy->loop, &err), 0);
}

static void the_whole_table_first_then_changes(void **state)
{
	(void)state;
	static struct proxy proxy; /* the feed has no end, like its process: it stays reachable */
	static struct feed *feed;
	struct error err = ERROR_INIT;
	struct route_table table = { 0 };
	struct route one = route_new("one", 80), before;

	proxy_new(&proxy);
	proxy_listen(&proxy);
	feed = feed_new(proxy.loop, proxy.path, proxy_done, &proxy, &err);
	assert_non_null(feed);
	assert_non_null(route_table_set(&table, &one, &before, &err));
	assert_int_equal(feed_replace(feed, &table, 1, &err), 0);
	run_until(&proxy, 1);
	assert_non_null(strstr(proxy.seen, "add map @1 virt@routes <<\none 10.77.0.2:80:h:o::one::80\none-80 10.77.0.2:80:h:o::one::80\n\ncommit map @1 virt@routes\n"));

	assert_int_equal(set(feed, route_new("two", 80), 2), 0);
	run_until(&proxy, 2);
	assert_non_null(strstr(proxy.seen, "add map virt@routes two 10.77.0.2:80:h:o::two::80\nadd map virt@routes two-80 10.77.0.2:80:h:o::two::80\n"));
	/* What goes, goes first; what stays as it is, is not touched. */
	proxy.seen[0] = '\0';
	assert_int_equal(set(feed, route_new("two", 81), 3), 0);
	assert_int_equal(set(feed, route_new("two", 81), 4), 0);
	assert_int_equal(set(feed, alias_new("shop.example.com", "one"), 5), 0);
	assert_int_equal(feed_remove(feed, "one", 6, &err), 0);
	run_until(&proxy, 6);
	assert_string_equal(proxy.seen, "del map virt@routes two-80\nset map virt@routes two 10.77.0.2:81:h:o::two::81\nadd map virt@routes two-81 10.77.0.2:81:h:o::two::81\n"
					"add map virt@routes shop.example.com 10.77.0.2:80:h:o::one::80\n"
					"del map virt@routes shop.example.com\ndel map virt@routes one\ndel map virt@routes one-80\n");
	assert_int_equal(proxy.failed, 0);

	/* HAProxy is restarted: everything again. */
	proxy.seen[0] = '\0';
	loop_remove(proxy.source);
	close(proxy.fd);
	assert_int_equal(set(feed, route_new("one", 80), 7), 0);
	run_until(&proxy, 7);
	assert_non_null(strstr(proxy.seen, "<<\none 10.77.0.2:80:h:o::one::80\none-80 10.77.0.2:80:h:o::one::80\ntwo 10.77.0.2:81:h:o::two::81\ntwo-81 10.77.0.2:81:h:o::two::81\n\ncommit"));
	assert_int_equal(proxy.failed, 0);
	unlink(proxy.path);
}

static void a_refused_part_is_sent_again_before_anyone_is_answered(void **state)
{
	(void)state;
	static struct proxy proxy; /* the feed has no end, like its process: it stays reachable */
	static struct feed *feed;
	struct error err = ERROR_INIT;
	struct route_table table = { 0 };
	struct route one = route_new("one", 80), before;

	proxy_new(&proxy);
	proxy_listen(&proxy);
	proxy.refuses = true;
	feed = feed_new(proxy.loop, proxy.path, proxy_done, &proxy, &err);
	assert_non_null(feed);
	assert_non_null(route_table_set(&table, &one, &before, &err));
	assert_int_equal(feed_replace(feed, &table, 1, &err), 0);
	run_until(&proxy, 1);
	assert_int_equal(proxy.failed, 0);
	assert_non_null(strstr(proxy.seen, "add map @2 virt@routes <<\none 10.77.0.2:80:h:o::one::80\none-80 10.77.0.2:80:h:o::one::80\n\ncommit map @2 virt@routes\n"));
	unlink(proxy.path);
}

static void without_haproxy_routes_are_kept(void **state)
{
	(void)state;
	static struct proxy proxy; /* the feed has no end, like its process: it stays reachable */
	static struct feed *feed;
	struct error err = ERROR_INIT;
	struct route_table table = { 0 };

	proxy_new(&proxy);
	feed = feed_new(proxy.loop, proxy.path, proxy_done, &proxy, &err);
	assert_non_null(feed);
	assert_int_equal(feed_replace(feed, &table, 0, &err), 0);
	/* What does not run forwards nothing. */
	assert_int_equal(feed_remove(feed, "two", 1, &err), 0);
	run_until(&proxy, 1);
	assert_int_equal(proxy.failed, 0);
	assert_int_equal(set(feed, route_new("one", 80), 2), 0);
	run_until(&proxy, 2);
	assert_int_equal(proxy.failed, 1);
	proxy_listen(&proxy);
	assert_int_equal(set(feed, route_new("one", 80), 3), 0);
	run_until(&proxy, 3);
	assert_int_equal(proxy.failed, 1);
	assert_non_null(strstr(proxy.seen, "one 10.77.0.2:80"));
	unlink(proxy.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_end_with_a_prompt),
		cmocka_unit_test(the_whole_table_first_then_changes),
		cmocka_unit_test(a_refused_part_is_sent_again_before_anyone_is_answered),
		cmocka_unit_test(without_haproxy_routes_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
