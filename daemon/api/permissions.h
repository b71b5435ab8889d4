/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * permissions: what realms, projects and containers say of who may use their URLs (lib/permissions.h); one row of table
 * permissions each.
 */
#ifndef BULKHEAD_API_PERMISSIONS_H
#define BULKHEAD_API_PERMISSIONS_H

#include <jansson.h>
#include <stdint.h>

struct api;
struct error;
struct permissions_message;
struct store;

/* The normal document of an id, the caller's reference; it says nothing, and is of version 0, where there is no row. NULL with err. */
json_t *permissions_load(struct store *store, const char *id, int64_t *ret_version, struct error *err);

/* Fills the gate's frame for an id that has a row, and makes the file that goes with it, the caller's. */
int permissions_fill(struct store *store, const char *id, struct permissions_message *message, int *ret_fd, struct error *err);

/* Tells the gate what the row of an id says, if it has one: before a route to what has the id is told. */
int permissions_push(struct api *api, const char *id, struct error *err);

/* What has the id goes: the gate may forget what it says. Before its row does. */
void permissions_forget(struct api *api, const char *id);

#endif
