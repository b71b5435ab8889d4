/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * haproxy: one lasting connection to HAProxy's runtime socket, in prompt mode.
 * Commands are sent one at a time, in order. When the connection ends it is
 * made anew, every 200 ms.
 *
 * Protocol: HAProxy 3.0 management guide, section 9.3 "Unix Socket commands".
 */
#ifndef BULKHEAD_HAPROXY_H
#define BULKHEAD_HAPROXY_H

#include <stdbool.h>

struct error;
struct haproxy;
struct loop;

/* answer: HAProxy's text without prompt and newlines at the end; NULL if the connection ended before it. */
typedef void haproxy_answer_cb(const char *answer, void *data);

struct haproxy_events {
	void (*connected)(void *data);    /* its state is unknown, most likely empty */
	void (*disconnected)(void *data); /* after the callbacks of lost commands */
	void (*absent)(void *data);       /* nothing listens on the socket: HAProxy is not running */
	void *data;
};

struct haproxy *haproxy_new(struct loop *loop, const char *path, const struct haproxy_events *events,
			    struct error *err);

/* Starts connecting. */
void haproxy_open(struct haproxy *haproxy);

bool haproxy_connected(const struct haproxy *haproxy);

/* Queues one command (text ends with a newline; copied, and wiped in the end: a key may be in it). ENOTCONN when there is no connection. */
int haproxy_command(struct haproxy *haproxy, const char *text, haproxy_answer_cb *cb, void *data, struct error *err);

/*
 * Takes the answer out of what was received: true if text ends with a prompt,
 * which is then cut off together with newlines before it and with the "+ " that
 * HAProxy shows for each payload line.
 */
bool haproxy_answer_complete(char *text, char **ret_answer);

#endif
