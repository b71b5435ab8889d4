/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream: questions by TCP (RFC 7766), for answers that are too long for a datagram: one
 * at a time on each connection.
 */
#ifndef BULKHEAD_STREAM_H
#define BULKHEAD_STREAM_H

struct error;
struct loop;

/* Accepts at a socket that listens (AF_INET6), which stays the caller's; at one more with each call. */
int stream_init(struct loop *loop, int listener, struct error *err);

#endif
