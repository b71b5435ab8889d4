/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "daemon/lib/error.h"

enum { SMALL = 65536 }; /* bytes, which every socket takes */

static void socket_cleanup(struct mnl_socket **socket)
{
	if (*socket != NULL)
		mnl_socket_close(*socket);
}

int netlink_talk(int bus, const void *messages, size_t size, unsigned last, mnl_cb_t cb, void *data, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[32768];
	/* The kernel answers at once; a lost answer must not stop the engine for ever. */
	struct timeval patience = { .tv_sec = 10 };
	__attribute__((cleanup(socket_cleanup))) struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);

	if (socket == NULL || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == -1 ||
	    setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == -1)
		return error_errno(err, "cannot open a netlink socket");
	int room = (int)size;
	if (size > SMALL && setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) == -1)
		return error_errno(err, "no room for %zu bytes in a netlink socket", size);
	if (mnl_socket_sendto(socket, messages, size) == -1)
		return error_errno(err, "cannot ask the kernel by netlink");

	unsigned port = mnl_socket_get_portid(socket);
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_errno(err, "no answer from the kernel by netlink");
		const struct nlmsghdr *first = (const struct nlmsghdr *)(const void *)buffer;
		int got = mnl_cb_run(buffer, (size_t)n, 0, port, cb, data);
		if (got == -1)
			return error_errno(err, "the kernel refused");
		if (got == MNL_CB_STOP && (first->nlmsg_type == NLMSG_DONE || first->nlmsg_seq == last || last == 0))
			return 0;
	}
}
