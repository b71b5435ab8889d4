/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach: a client that is connected to a command: its terminal or its three
 * streams, over a websocket (RFC 6455; libwslay reads and writes the frames). What
 * the messages say is in openapi.yaml, sessionsAttach.
 *
 * The command waits for a client that does not read, and the client for a
 * command that does not. A client of which nothing is heard for long, although it
 * is asked, is gone.
 */
#ifndef BULKHEAD_ATTACH_H
#define BULKHEAD_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct attach;
struct error;
struct loop;

enum { ATTACH_ENDS_MAX = 3 };

/* The client has gone, or broke the protocol: called once, and not after attach_end(). */
typedef void attach_gone_cb(void *data);

/* Takes a connection over, behind its handshake. */
struct attach *attach_new(struct loop *loop, int socket, attach_gone_cb *gone, void *data, struct error *err);

/*
 * The command's side, taken over: one descriptor, the terminal's master; or three, to write its input and
 * to read its output and errors. Signals of the client go to the process group of pid.
 */
int attach_begin(struct attach *attach, const int *fds, size_t count, pid_t pid, struct error *err);

/*
 * The command has ended with a status of waitpid(2), or failure says why it was
 * not run: tells the client what is left and that, and closes. done is called
 * when all is sent, or the client does not take it in time.
 */
void attach_end(struct attach *attach, int status, const struct error *failure, attach_gone_cb *done);

/* Takes NULL; without a word to the client. Not from its own callbacks. */
void attach_free(struct attach *attach);

#endif
