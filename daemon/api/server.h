/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server: HTTP over the two listening Unix sockets, inside the role's loop.
 */
#ifndef BULKHEAD_SERVER_H
#define BULKHEAD_SERVER_H

struct api;
struct error;
struct server;

/*
 * Takes the listening socket over. local: callers are checked to be root by
 * SO_PEERCRED and need no token; else every call needs one.
 */
struct server *server_new(struct api *api, int fd, int local, struct error *err);

void server_free(struct server *server); /* takes NULL; while no request sleeps */

#endif
