/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/packet.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(PACKET_FDS_MAX * sizeof(int))];
};

int packet_send(int socket, const struct iovec *parts, size_t count, const int *fds, size_t fd_count, int flags)
{
	union control control = { 0 };
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count };
	ssize_t sent;

	if (fd_count > PACKET_FDS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (fd_count > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof *fds);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fd_count * sizeof *fds);
		memcpy(CMSG_DATA(cmsg), fds, fd_count * sizeof *fds);
	}
	do
		sent = sendmsg(socket, &msg, flags | MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return sent == -1 ? -1 : 0;
}

static void fds_take(struct msghdr *msg, int *fds, size_t *ret_count)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);

	*ret_count = 0;
	if (cmsg == NULL || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
		return;
	*ret_count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
	memcpy(fds, CMSG_DATA(cmsg), *ret_count * sizeof *fds);
}

ssize_t packet_receive(int socket, const struct iovec *parts, size_t count, int *ret_fds, size_t room, size_t *ret_count, int flags)
{
	union control control;
	/* To the byte: the padding of CMSG_SPACE would let one descriptor more in. */
	struct msghdr msg = {
		.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count, .msg_control = &control,
		.msg_controllen = CMSG_LEN((room < PACKET_FDS_MAX ? room : PACKET_FDS_MAX) * sizeof *ret_fds),
	};
	ssize_t got;

	*ret_count = 0;
	do
		got = recvmsg(socket, &msg, flags | MSG_CMSG_CLOEXEC);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return -1;
	fds_take(&msg, ret_fds, ret_count);
	if (got > 0 && (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return got;
	while (*ret_count > 0)
		close(ret_fds[--*ret_count]);
	if (got == 0)
		return 0;
	errno = EMSGSIZE;
	return -1;
}
