/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fetch: a pull that is under way: its process (role pull), its spool file, and
 * then the import. Its row in table pulls is written when it ends. A restart of
 * this role ends all of them.
 */
#ifndef BULKHEAD_FETCH_H
#define BULKHEAD_FETCH_H

#include <stdbool.h>

#include "daemon/lib/hex.h"
#include "daemon/lib/protocol.h"

struct api;
struct error;
struct fetch;
struct secret;

enum {
	FETCHES_MAX = 4,       /* at the same time */
	FETCHES_REALM_MAX = 2, /* of them for one realm, or for the host */
};

/* What has no end in the store was cut off by the end of the role before. Once, at the start. */
int fetch_init(struct api *api, struct error *err);

/* ENOBUFS if no further one may run now for the realm ("": the host). */
int fetch_check_room(const char *realm, struct error *err);

/*
 * Begins the pull whose row is id. Takes message over, a struct pull_message but
 * for bytes_max. Whatever goes wrong is told by the row.
 */
void fetch_begin(struct api *api, const char *id, const char *realm, const char *name, struct secret *message);

struct fetch *fetch_find(const char *id); /* NULL: not under way */

/* True once all has been fetched and the engine is at it, which cannot be taken back. */
bool fetch_unpacking(const struct fetch *fetch);
const struct pull_progress_message *fetch_progress(const struct fetch *fetch);

/* Ends it without a trace. Not while unpacking. */
void fetch_cancel(struct fetch *fetch);

#endif
