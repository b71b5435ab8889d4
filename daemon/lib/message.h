/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message: typed frames between the roles of one daemon, over a
 * SOCK_SEQPACKET socketpair (unix(7)). Both ends are the same binary, so a
 * frame is a header and a fixed C struct; protocol.h lists them.
 *
 * The receiver checks type, size and string ends before the handler sees a
 * frame. A frame that fails is a bug or an attack: the channel closes, and the
 * handler is told with type 0.
 */
#ifndef BULKHEAD_MESSAGE_H
#define BULKHEAD_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct loop;

struct message {
	uint32_t type;    /* enum message_type of protocol.h; 0: the channel closed */
	uint32_t size;    /* of payload */
	uint64_t serial;  /* an answer carries the serial of its request; 0 on events */
	const void *payload;
	int fd;           /* passed descriptor or -1; closed after the handler unless it sets -1 */
};

struct channel;
typedef void channel_cb(struct channel *channel, struct message *message, void *data);

/* Takes fd over. Inherited ends are numbered in protocol.h. */
struct channel *channel_new(struct loop *loop, int fd, channel_cb *cb, void *data, struct error *err);
void channel_free(struct channel *channel); /* takes NULL; not from its own handler */

/* From now on the peer may close it at any time: that is no fault, and nothing is logged. */
void channel_passing(struct channel *channel);

/*
 * Queues a frame; sent at once when the socket takes it. fd (or -1) is
 * duplicated, the caller keeps its own. payload must be the struct that
 * protocol.h names for type. Fails with EPIPE when closed, ENOBUFS when the
 * peer lags by more than 4096 frames.
 */
int channel_send(struct channel *channel, uint32_t type, uint64_t serial, const void *payload, size_t size, int fd,
		 struct error *err);

#endif
