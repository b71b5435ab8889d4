/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * puller: starts processes of role pull, which fetch images from registries.
 */
#ifndef BULKHEAD_PULLER_H
#define BULKHEAD_PULLER_H

struct error;
struct loop;

enum { PULLERS_MAX = 4 }; /* at a time */

/*
 * Starts one, with a copy of socket as its PULL_FD; it drops all privilege before it reads a byte. It ends with the other end of the socket, or with the
 * engine. EBUSY when PULLERS_MAX run.
 */
int puller_start(struct loop *loop, int socket, struct error *err);

#endif
