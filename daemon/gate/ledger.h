/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger: which realms want a request on record before it goes on (lib/audit.h), and that record.
 */
#ifndef BULKHEAD_LEDGER_H
#define BULKHEAD_LEDGER_H

#include "daemon/lib/audit.h"
#include "daemon/lib/reporter.h"

struct decision;
struct error;
struct haproxy;
struct loop;
struct route;
struct verdict;
struct visit;

int ledger_set(const char *realm, enum audit_mode mode, struct error *err);
enum audit_mode ledger_mode(const char *realm);

/* Tells of a request, with the verdict's name; cb is called when that is on record, or is not. -1 with err: it is not. */
int ledger_open(const struct route *route, const struct visit *visit, const struct decision *decision, const struct verdict *verdict, const char *name,
		reporter_cb *cb, void *data, struct error *err);

/* From now on the log hears of gaps: HAProxy ended, or could not tell of some requests. */
int ledger_watch(struct loop *loop, struct haproxy *haproxy, struct error *err);

#endif
