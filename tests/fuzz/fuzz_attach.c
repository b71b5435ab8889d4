/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_attach: what a client sends to the command that it is attached to, behind the handshake. The first byte says with which streams. */
// link: daemon/engine/attach.c -lwslay
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/engine/attach.h"
#include "daemon/lib/error.h"
#include "daemon/lib/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loop *loop;

static void stop(void *data)
{
	(void)data;
	loop_stop(loop, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	int pair[2], fds[ATTACH_ENDS_MAX], command[ATTACH_ENDS_MAX];

	if (size < 1 || size > 65536)
		return 0;
	loop = loop_new(&err);
	if (loop == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1)
		abort();
	struct attach *attach = attach_new(loop, pair[1], stop, NULL, &err);
	if (attach == NULL)
		abort();
	size_t count = (data[0] & 1) != 0 ? 1 : ATTACH_ENDS_MAX;
	for (size_t i = 0; i < count; i++) {
		int ends[2];
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
			abort();
		fds[i] = ends[0];
		command[i] = ends[1];
		/* One that writes, or one that has closed its streams. */
		if ((data[0] & 2) != 0)
			shutdown(ends[1], SHUT_RDWR);
		else if (write(ends[1], "output", 6) != 6)
			abort();
	}
	if (attach_begin(attach, fds, count, 0, &err) == -1)
		abort();
	if (write(pair[0], data + 1, size - 1) == -1)
		abort();
	if ((data[0] & 4) != 0)
		shutdown(pair[0], SHUT_WR);
	struct loop_source *timer = loop_add_timer(loop, 0, stop, NULL, &err);
	for (int i = 0; i < 4; i++) {
		if (loop_set_timer(timer, 1, &err) == -1 || loop_run(loop, &err) == -1)
			abort();
	}
	attach_end(attach, 0, &(struct error)ERROR_INIT, stop);
	attach_free(attach);
	loop_remove(timer);
	loop_free(loop);
	close(pair[0]);
	for (size_t i = 0; i < count; i++)
		close(command[i]);
	return 0;
}
