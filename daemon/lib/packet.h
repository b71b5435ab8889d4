/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packet: one message with descriptors over a SOCK_SEQPACKET socket (unix(7),
 * SCM_RIGHTS).
 */
#ifndef BULKHEAD_PACKET_H
#define BULKHEAD_PACKET_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { PACKET_FDS_MAX = 3 };

/* The descriptors stay the caller's. flags as of sendmsg(2), MSG_NOSIGNAL is added. 0, or -1 with errno. */
int packet_send(int socket, const struct iovec *parts, size_t count, const int *fds, size_t fd_count, int flags);

/*
 * The size, 0 at the end, or -1 with errno: EMSGSIZE for what has more bytes or
 * descriptors than there is room for. *ret_count descriptors, close-on-exec, are the
 * caller's; there are none on 0 and -1.
 */
ssize_t packet_receive(int socket, const struct iovec *parts, size_t count, int *ret_fds, size_t room, size_t *ret_count, int flags);

#endif
