/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handshake: the opening of a websocket, RFC 6455 section 4.2.
 */
#ifndef BULKHEAD_API_HANDSHAKE_H
#define BULKHEAD_API_HANDSHAKE_H

#include <stdbool.h>

struct request;

enum { HANDSHAKE_ACCEPT_TEXT = 29 };

/* True, and the value for Sec-WebSocket-Accept, if the request opens one; else it is answered: 426, or 400. */
bool handshake_read(struct request *request, char ret_accept[HANDSHAKE_ACCEPT_TEXT]);

/* The value for a key of 24 characters. */
void handshake_accept(const char *key, char ret_accept[HANDSHAKE_ACCEPT_TEXT]);

#endif
