/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trail: every call of the API in the audit log. One that may change something is on record before it is handled
 * ("calling"), and with what it changed before it is answered ("call"); one that reads, when it is answered.
 *
 * What it changed is what GET of the same path says before and after, where there is such a thing: so no secret that the
 * API never shows is recorded. Values of environments are left out, too.
 */
#ifndef BULKHEAD_API_TRAIL_H
#define BULKHEAD_API_TRAIL_H

#include <stdbool.h>

struct request;
struct trail;

/* Before the request is handled. False: it waits, and is resumed; or it is answered: the log must have it and has not. */
bool trail_begin(struct request *request);

/* When it is answered. False: it waits, and is resumed. */
bool trail_end(struct request *request);

void trail_free(struct trail *trail); /* takes NULL */

#endif
