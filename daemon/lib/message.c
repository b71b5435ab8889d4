/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/packet.h"
#include "daemon/lib/protocol.h"

enum {
	CHANNEL_BACKLOG_MAX = 4096,   /* frames waiting for a slow peer */
	CHANNEL_FRAME_MAX = 64 * 1024,
	CHANNEL_BATCH = 32,           /* frames handled before other sources get a turn */
};

struct frame_header {
	uint32_t type, size;
	uint64_t serial;
};

struct frame {
	struct frame *next;
	struct frame_header header;
	int fd;
	unsigned char payload[];
};

struct channel {
	struct loop *loop;
	struct loop_source *source;
	int fd;
	channel_cb *cb;
	void *data;
	struct frame *first, **last;
	size_t backlog;
	bool passing; /* its end is expected */
};

static void frame_free(struct frame *frame)
{
	if (frame->fd != -1)
		close(frame->fd);
	explicit_bzero(frame->payload, frame->header.size); /* may hold a registry's password */
	free(frame);
}

static void channel_close(struct channel *channel)
{
	if (channel->fd == -1)
		return;
	loop_remove(channel->source);
	channel->source = NULL;
	close(channel->fd);
	channel->fd = -1;
	while (channel->first != NULL) {
		struct frame *frame = channel->first;
		channel->first = frame->next;
		frame_free(frame);
	}
	channel->last = &channel->first;
	channel->backlog = 0;
}

/* 1 sent, 0 the socket is full, -1 with errno. */
static int frame_send(int fd, const struct frame_header *header, const void *payload, int passed)
{
	const struct iovec parts[2] = {
		{ .iov_base = (void *)(uintptr_t)header, .iov_len = sizeof *header },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = header->size },
	};

	if (packet_send(fd, parts, 2, &passed, passed == -1 ? 0 : 1, MSG_DONTWAIT) == 0)
		return 1;
	return errno == EAGAIN ? 0 : -1;
}

static void channel_flush(struct channel *channel)
{
	struct error err = ERROR_INIT;

	while (channel->first != NULL) {
		struct frame *frame = channel->first;
		int sent = frame_send(channel->fd, &frame->header, frame->payload, frame->fd);
		if (sent == 0)
			return;
		if (sent == -1)
			break; /* the read side sees the same fault and tells the handler */
		channel->first = frame->next;
		if (channel->first == NULL)
			channel->last = &channel->first;
		channel->backlog--;
		frame_free(frame);
	}
	if (loop_modify_fd(channel->source, EPOLLIN, &err) == -1)
		log_error("%s", err.message);
}

/* 1 a good frame, 0 nothing there, -1 closed or broken (err says which). */
static int frame_receive(int fd, unsigned char *buffer, struct message *message, struct error *err)
{
	struct frame_header header;
	const struct iovec parts[2] = {
		{ .iov_base = &header, .iov_len = sizeof header },
		{ .iov_base = buffer, .iov_len = CHANNEL_FRAME_MAX },
	};
	size_t count;

	ssize_t n = packet_receive(fd, parts, 2, &message->fd, 1, &count, MSG_DONTWAIT);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n == -1 && errno == EMSGSIZE)
		return error_set(err, EBADMSG, "the peer role sent a frame with more bytes or descriptors than one has");
	if (n == -1)
		return error_errno(err, "cannot receive from the peer role");
	if (n == 0)
		return error_set(err, EPIPE, "the peer role closed the channel");
	if (count == 0)
		message->fd = -1;
	if ((size_t)n < sizeof header || header.size != (size_t)n - sizeof header) {
		if (message->fd != -1)
			close(message->fd);
		return error_set(err, EBADMSG, "the peer role sent a malformed frame of %zd bytes", n);
	}
	message->type = header.type;
	message->size = header.size;
	message->serial = header.serial;
	message->payload = buffer;
	if (protocol_check(header.type, buffer, header.size, err) == -1) {
		if (message->fd != -1)
			close(message->fd);
		return -1;
	}
	return 1;
}

static void channel_ready(int fd, uint32_t events, void *data)
{
	/* Aligned for any payload struct; static, since handlers do not nest. */
	static _Alignas(16) unsigned char buffer[CHANNEL_FRAME_MAX];
	struct channel *channel = data;
	struct error err = ERROR_INIT;

	(void)fd;
	if ((events & EPOLLOUT) != 0)
		channel_flush(channel);
	for (int i = 0; i < CHANNEL_BATCH && channel->fd != -1; i++) {
		struct message message = { .fd = -1 };
		int got = frame_receive(channel->fd, buffer, &message, &err);
		if (got == 0)
			return;
		if (got == -1) {
			if (!channel->passing || err.code != EPIPE)
				log_error("%s; the channel is closed", err.message);
			channel_close(channel);
			message = (struct message){ .fd = -1 };
		}
		channel->cb(channel, &message, channel->data);
		if (message.fd != -1)
			close(message.fd);
	}
}

struct channel *channel_new(struct loop *loop, int fd, channel_cb *cb, void *data, struct error *err)
{
	struct channel *channel = calloc(1, sizeof *channel);
	if (channel == NULL) {
		error_set(err, ENOMEM, "no memory for a channel");
		return NULL;
	}
	channel->loop = loop;
	channel->fd = fd;
	channel->cb = cb;
	channel->data = data;
	channel->last = &channel->first;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		error_errno(err, "cannot use descriptor %d as a channel", fd);
		free(channel);
		return NULL;
	}
	channel->source = loop_add_fd(loop, fd, EPOLLIN, channel_ready, channel, err);
	if (channel->source == NULL) {
		free(channel);
		return NULL;
	}
	return channel;
}

void channel_free(struct channel *channel)
{
	if (channel == NULL)
		return;
	channel_close(channel);
	free(channel);
}

void channel_passing(struct channel *channel)
{
	channel->passing = true;
}

int channel_send(struct channel *channel, uint32_t type, uint64_t serial, const void *payload, size_t size, int fd,
		 struct error *err)
{
	struct frame_header header = { .type = type, .size = (uint32_t)size, .serial = serial };

	if (channel->fd == -1)
		return error_set(err, EPIPE, "the channel to the peer role is closed");
	if (size > CHANNEL_FRAME_MAX)
		return error_set(err, EMSGSIZE, "a frame of %zu bytes is too large", size);
	if (channel->first == NULL) {
		int sent = frame_send(channel->fd, &header, payload, fd);
		if (sent == 1)
			return 0;
		if (sent == -1)
			return error_errno(err, "cannot send to the peer role");
	}
	if (channel->backlog == CHANNEL_BACKLOG_MAX)
		return error_set(err, ENOBUFS, "the peer role does not keep up");

	struct frame *frame = malloc(sizeof *frame + size);
	if (frame == NULL)
		return error_set(err, ENOMEM, "no memory for a frame");
	*frame = (struct frame){ .header = header, .fd = -1 };
	if (size > 0)
		memcpy(frame->payload, payload, size);
	if (fd != -1) {
		frame->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (frame->fd == -1) {
			error_errno(err, "cannot pass a descriptor");
			free(frame);
			return -1;
		}
	}
	if (loop_modify_fd(channel->source, EPOLLIN | EPOLLOUT, err) == -1) {
		frame_free(frame);
		return -1;
	}
	*channel->last = frame;
	channel->last = &frame->next;
	channel->backlog++;
	return 0;
}
