/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * access: from where the host is administered (lib/access.h), with a change that can
 * be on trial: in force at once, and taken back unless it is confirmed in time from an
 * address that it lets in. A restart of the daemon or the host does not prolong it.
 */
#ifndef BULKHEAD_API_ACCESS_H
#define BULKHEAD_API_ACCESS_H

#include <stdbool.h>

struct access_message;
struct api;
struct error;
struct request;

/* Once, after the store is there; before the engine is told. */
int access_init(struct api *api, struct error *err);

/* Whether a request that came by HAProxy comes from where the API takes any; false: answered. */
bool access_check(struct request *request);

/* Fills the engine's frame with what is in force, and makes the file that goes with it, the caller's. */
int access_fill(struct access_message *message, int *ret_fd, struct error *err);

#endif
