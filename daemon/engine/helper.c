/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/engine/container.h"
#include "daemon/engine/element.h"
#include "daemon/engine/netdev.h"
#include "daemon/engine/remains.h"
#include "daemon/engine/runtime.h"
#include "daemon/engine/start.h"
#include "daemon/engine/subject.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/packet.h"

/* In the child: descriptors in place, signals as they were at birth, then exec. */
__attribute__((noreturn)) static void helper_exec(int message, int result)
{
	char *const argv[] = { (char[]){ "bulkheadd" }, (char[]){ "start" }, NULL };
	char *const envp[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, NULL };
	sigset_t none;
	int high[2] = { fcntl(message, F_DUPFD, 10), fcntl(result, F_DUPFD, 10) };

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL); /* ignored in the engine; a container's programs expect it */
	if (high[0] == -1 || high[1] == -1 || dup2(high[0], START_FD_MESSAGE) == -1 ||
	    dup2(high[1], START_FD_RESULT) == -1 || close_range(START_FD_RESULT + 1, ~0U, 0) == -1)
		_exit(126);
	execve("/proc/self/exe", argv, envp);
	_exit(127);
}

static int place_make(const struct container *c, struct error *err)
{
	char host[LINK_TEXT], peer[LINK_TEXT];

	if (runtime_create(&c->message, err) == -1 || remains_groups_remove(c, err) == -1)
		return -1;
	/* Before the helper: a container never runs without its rates and its anti-spoofing entries. */
	address_links(c->message.id, host, peer);
	if (netdev_create(host, peer, c->message.ipv4, c->message.ipv6, err) == -1 || subject_link_made(host, err) == -1)
		return -1;
	return element_add(host, c->message.ipv4, c->message.ipv6, err);
}

pid_t helper_fork(const struct container *c, int *ret_socket, struct error *err)
{
	int pair[2];

	if (place_make(c, err) == -1)
		return -1;
	cleanup_fd int memory = fd_memory("container", &c->message, sizeof c->message, err);
	if (memory == -1)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return error_errno(err, "cannot make a socket for the start helper");
	cleanup_fd int ours = pair[0], theirs = pair[1];
	pid_t pid = fork();
	if (pid == -1)
		return error_errno(err, "cannot fork the start helper");
	if (pid == 0)
		helper_exec(memory, theirs);
	*ret_socket = fd_steal(&ours);
	return pid;
}

int helper_result(int socket, struct start_result *ret_result, int ret_pidfds[2])
{
	const struct iovec part = { .iov_base = ret_result, .iov_len = sizeof *ret_result };
	size_t count;

	ssize_t got = packet_receive(socket, &part, 1, ret_pidfds, 2, &count, MSG_DONTWAIT);
	for (size_t i = count; i < 2; i++)
		ret_pidfds[i] = -1;
	if (got != (ssize_t)sizeof *ret_result)
		return -1;
	ret_result->message[sizeof ret_result->message - 1] = '\0';
	return 0;
}
