/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard SOCKET AGENT LABEL DOCUMENT - the gate's own code, without the gate: brings one guarded route to a HAProxy, and answers it at
 * the socket AGENT by a document of permissions, until it is killed. LABEL leads to 10.77.0.2.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/gate/agent.h"
#include "daemon/gate/feed.h"
#include "daemon/gate/hasher.h"
#include "daemon/gate/lease.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/loop.h"

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "guard: %s\n", what);
	exit(1);
}

/* No passwords here. */
int hasher_verify(const char *hash, const char *password, hasher_cb *cb, void *data, struct error *err)
{
	(void)hash;
	(void)password;
	(void)cb;
	(void)data;
	return error_set(err, ENOSYS, "no passwords here");
}

static void answered(uint64_t serial, int code, const char *message, void *data)
{
	(void)serial;
	(void)data;
	if (code != 0)
		fail(message);
	puts("ready");
	fflush(stdout);
}

static int listening(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	unlink(path);
	if (fd == -1 || bind(fd, (struct sockaddr *)&address, sizeof address) == -1 || chmod(path, 0666) == -1 || listen(fd, 64) == -1)
		fail("cannot listen");
	return fd;
}

int main(int argc, char **argv)
{
	struct route_message message = { .ipv4 = htonl(0x0a4d0002), .port = 80 };
	struct route_table table = { 0 };
	struct rulebook book = { 0 };
	struct permissions permissions;
	struct error err = ERROR_INIT;
	struct route route, before;
	bool known = true;

	if (argc != 5)
		fail("usage: guard SOCKET AGENT LABEL DOCUMENT");
	json_t *document = json_parse(argv[4], strlen(argv[4]), &err);
	struct loop *loop = loop_new(&err);
	struct feed *feed = loop == NULL || document == NULL ? NULL : feed_new(loop, argv[1], answered, NULL, &err);
	snprintf(message.label, sizeof message.label, "%s", argv[3]);
	snprintf(message.realm, sizeof message.realm, "%024d", 0);
	if (feed == NULL || permissions_read(document, &permissions, NULL, &err) == -1 || rulebook_set(&book, message.realm, &permissions, &err) == -1 ||
	    lease_init(loop, feed_haproxy(feed), &err) == -1 || agent_open(loop, listening(argv[2]), feed, &book, &known, &err) == -1 || route_make(&message, &route, &err) == -1)
		fail(err.message);
	route.guarded = true;
	if (route_table_set(&table, &route, &before, &err) == NULL || feed_replace(feed, &table, 1, &err) == -1 || loop_run(loop, &err) == -1)
		fail(err.message);
	return 0;
}
