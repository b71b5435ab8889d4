/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

int link_open(enum unlock_mode mode, const char *origin, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = UNLOCK_SOCKET };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd == -1 || connect(fd, (struct sockaddr *)&address, sizeof address) == -1)
		return error_errno(err, "the boot agent does not answer");
	if (link_send(fd, UNLOCK_TYPE_HELLO, mode, origin, strlen(origin), err) == -1)
		return -1;
	return fd_steal(&fd);
}

int link_send(int fd, enum unlock_type type, uint32_t value, const void *data, size_t size, struct error *err)
{
	struct unlock_header header = { .type = type, .value = value };
	/* sendmsg only reads through this pointer. */
	struct iovec parts[] = { { &header, sizeof header }, { (void *)(uintptr_t)data, size } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	while (sendmsg(fd, &message, MSG_NOSIGNAL) == -1)
		if (errno != EINTR)
			return error_errno(err, "the boot agent went away");
	return 0;
}

int link_receive(int fd, struct link_frame *frame, struct error *err)
{
	struct unlock_header header;
	struct iovec parts[] = { { &header, sizeof header }, { frame->text, UNLOCK_TEXT_MAX } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t size;

	while ((size = recvmsg(fd, &message, 0)) == -1)
		if (errno != EINTR)
			return error_errno(err, "the boot agent went away");
	if (size < (ssize_t)sizeof header)
		return error_set(err, EPIPE, "the boot agent went away");
	frame->type = header.type;
	frame->value = header.value;
	frame->text[(size_t)size - sizeof header] = '\0';
	for (char *c = frame->text; *c != '\0'; c++)
		if (((unsigned char)*c < ' ' && *c != '\n') || *c == 0x7f)
			*c = '?'; /* a name in a config or on a disk must not drive the terminal */
	return 0;
}
