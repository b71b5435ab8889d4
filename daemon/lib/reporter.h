/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reporter: how a role tells the audit log of what it does (record.h). One in a process.
 */
#ifndef BULKHEAD_REPORTER_H
#define BULKHEAD_REPORTER_H

#include <stdint.h>

struct error;
struct loop;
struct record;

/* Before the role is in its sandbox. -1 with err. */
int reporter_connect(struct error *err);

/* Once the role has a loop. */
int reporter_open(struct loop *loop, struct error *err);

/* Once, and never from reporter_ask(). code 0: the record is on disk, as its log has it; ETIMEDOUT: nobody says so; else why it is not. */
typedef void reporter_cb(int code, void *data);

/* Tells, or asks to be told when it is recorded; asks again until wait_ms are over. -1 with err: cb is not called. */
int reporter_tell(const struct record *record, struct error *err);
int reporter_ask(struct record *record, int64_t wait_ms, reporter_cb *cb, void *data, struct error *err);

#endif
