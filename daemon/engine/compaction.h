/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compaction: compact.h for the containers of a realm, in a child process. One at
 * a time on the host, a few minutes at the most.
 */
#ifndef BULKHEAD_COMPACTION_H
#define BULKHEAD_COMPACTION_H

struct compact_message;
struct compact_reply_message;
struct error;
struct loop;

enum { COMPACTION_MS = 240000 };

/* err NULL: done. */
typedef void compaction_cb(const struct compact_reply_message *reply, const struct error *err, void *data);

/* Calls back once, unless -1 is returned. EBUSY: another one is under way. */
int compaction_begin(struct loop *loop, const struct compact_message *message, compaction_cb *cb, void *data,
		     struct error *err);

#endif
