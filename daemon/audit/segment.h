/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment: a part of a realm's log, one file of SQLite: AUDIT_FOLDER/<realm>/<first seq>-<its time>.db. Records are
 * numbered on from the segment before, without a gap, and times never go back. The last segment of a log is written to,
 * in WAL mode, while others read it; one that is finished is a single file, and never changes again.
 *
 *   records  seq, time (microseconds since 1970, when it was written), the columns of record.h, chain (chain.h)
 *   about    realm; previous: the chain of the record before the first, 32 zero bytes at the beginning of a log
 */
#ifndef BULKHEAD_SEGMENT_H
#define BULKHEAD_SEGMENT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/audit/chain.h"
#include "daemon/lib/record.h"

struct error;

#define AUDIT_FOLDER "/data/bulkhead/audit"

enum { SEGMENT_NAME_TEXT = 48, SEGMENT_PATH_TEXT = 128 };

struct segment_name {
	int64_t first, time; /* seq of its first record, and microseconds since 1970 */
};

/* Those of a log, oldest first; owned by the caller. -1 with err; a log without a folder has none. */
int segment_list(const char *folder, struct segment_name **ret_names, size_t *ret_count, struct error *err);
void segment_path(const char *folder, const struct segment_name *name, char path[SEGMENT_PATH_TEXT]);

struct segment {
	sqlite3 *db;
	sqlite3_stmt *insert;
	int64_t seq, time;           /* of the last record; before the first, of the one before that */
	int64_t count;
	uint8_t chain[CHAIN_BYTES];
	bool open;                   /* a transaction is under way */
	struct {                     /* as it was before that */
		int64_t seq, time, count;
		uint8_t chain[CHAIN_BYTES];
	} before;
};

/* Begins a segment behind a record with this chain, or opens it to go on where it ended. */
int segment_create(const char *path, const char *realm, int64_t first, int64_t time, const uint8_t previous[CHAIN_BYTES], struct segment *ret_segment,
		   struct error *err);
int segment_open(const char *path, struct segment *ret_segment, struct error *err);

/* To read only, also while it is written to. */
sqlite3 *segment_read(const char *path, struct error *err);
int segment_previous(sqlite3 *db, uint8_t previous[CHAIN_BYTES], struct error *err);

/*
 * Appends. It is there for readers, and stays when the process ends, with segment_commit(); durable: also when the power
 * does. ENOSPC: the disk is full. What fails takes back all since the last commit.
 */
int segment_append(struct segment *segment, int64_t time, const struct record *record, struct error *err);
int segment_commit(struct segment *segment, bool durable, struct error *err);
int64_t segment_bytes(const struct segment *segment);

/* Whether one of the last records is this one: it was asked for twice. */
bool segment_has(const struct segment *segment, const struct record *record);

/* What was not committed is lost; finished: for good. */
void segment_close(struct segment *segment, bool finished);

int segment_error(sqlite3 *db, struct error *err);

#endif
