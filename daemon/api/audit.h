/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * audit: how a realm, or the host, wants its log: {"mode": "best_effort" | "block" | "fail_closed", "max_bytes": ...,
 * "max_days": ...}; and what the log has to say, of which the API answers what its role `records` finds.
 */
#ifndef BULKHEAD_API_AUDIT_H
#define BULKHEAD_API_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/api/request.h"
#include "daemon/lib/audit.h"
#include "daemon/lib/protocol.h"

struct error;
struct store;

/* Of a realm's id, or "host". */
int audit_fill(struct store *store, const char *id, struct audit_message *message, struct error *err);

/* Tells who has to know; they hear it again when they start. */
void audit_push(struct api *api, const char *id);

/* Whether nothing may happen there that is not on record. */
bool audit_must(struct api *api, const char *id);


#endif
