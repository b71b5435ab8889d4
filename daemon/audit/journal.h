/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal: the log of one realm, or of the host, as it is written: its segments one after another, the oldest of which go
 * when there are too many or they are too old.
 */
#ifndef BULKHEAD_JOURNAL_H
#define BULKHEAD_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/audit/segment.h"
#include "daemon/lib/audit.h"

struct error;

struct journal {
	struct journal *next;
	char realm[ID_TEXT];
	bool named;               /* by the list under way */
	enum audit_mode mode;
	int64_t bytes_max, age_max_us;

	struct segment segment;   /* db NULL: not open */
	int64_t began;            /* time in its name */
	int64_t used;             /* microseconds since 1970 */
	int64_t measured;         /* records of the segment when its size was looked at */
	int64_t lost, told;       /* that could not be written; of them told in what is pending */
	int64_t pending;          /* not committed */
	bool durable;             /* what is pending wants to be on disk */
	bool failed;              /* the last commit */
};

/* All of them; the first is the host's. */
extern struct journal *journals;

void journal_init(void);

/* The realm's, made if there is none; NULL with err. */
struct journal *journal_get(const char *realm, struct error *err);

/* The realm's, or the host's if it is not known. */
struct journal *journal_find(const char *realm);

/* Realms that were not named since journal_unname() are known no more: their logs stay until they are too old. */
void journal_unname(void);
void journal_forget(void);

/* What fails is counted; ENOSPC among others. */
int journal_append(struct journal *journal, const struct record *record, int64_t now_us, struct error *err);

/* Of what is pending. -1: it is lost, and was counted; err of journal_append() or of this. */
int journal_commit(struct journal *journal, struct error *err);

/* Takes away what is too old or too much, of all logs, also of realms that are gone. */
void journal_retain(int64_t now_us);

void journal_close_all(void);

#endif
