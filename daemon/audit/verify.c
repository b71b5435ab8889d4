/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/audit/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/audit/segment.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { ENOUGH_MS = 1000, LOOK_EVERY = 1024 };

static bool problem(struct verification *verification, const char *what)
{
	verification->broken = true;
	snprintf(verification->problem, sizeof verification->problem, "%s behind record %lld", what, (long long)verification->last);
	return false;
}

/* One record; false: it is not what was written. */
static bool link_check(sqlite3_stmt *row, struct verification *verification)
{
	struct chain_value values[CHAIN_VALUES];

	if (sqlite3_column_int64(row, 0) != verification->last + 1)
		return problem(verification, "a record is missing");
	for (int i = 0; i < CHAIN_VALUES; i++) {
		values[i].text = (const char *)sqlite3_column_text(row, i);
		values[i].size = (size_t)sqlite3_column_bytes(row, i);
	}
	chain_next(verification->chain, values);
	if (sqlite3_column_bytes(row, CHAIN_VALUES) != CHAIN_BYTES || memcmp(sqlite3_column_blob(row, CHAIN_VALUES), verification->chain, CHAIN_BYTES) != 0)
		return problem(verification, "a record was changed");
	verification->last++;
	return true;
}

/* From after on, whose chain the verification has if it has one (last > 0). 1: it was enough, 0: the segment is done, -1 with err. */
static int segment_check(sqlite3 *db, int64_t after, bool within, int64_t deadline, struct verification *verification, struct error *err)
{
	sqlite3_stmt *row = NULL;
	int result = 0;

	if (sqlite3_prepare_v2(db, "SELECT * FROM records WHERE seq >= ? ORDER BY seq", -1, &row, NULL) != SQLITE_OK ||
	    sqlite3_bind_int64(row, 1, within ? after : after + 1) != SQLITE_OK)
		result = segment_error(db, err);
	for (int64_t count = 0; result == 0; count++) {
		int step = sqlite3_step(row);
		if (step != SQLITE_ROW) {
			if (step != SQLITE_DONE)
				result = segment_error(db, err);
			break;
		}
		if (within && count == 0) { /* where an earlier question ended */
			if (sqlite3_column_int64(row, 0) != after || sqlite3_column_bytes(row, CHAIN_VALUES) != CHAIN_BYTES)
				result = error_set(err, ENOENT, "record %lld is not kept any more", (long long)after);
			else
				memcpy(verification->chain, sqlite3_column_blob(row, CHAIN_VALUES), CHAIN_BYTES);
			continue;
		}
		if (!link_check(row, verification))
			result = 1;
		else if (count % LOOK_EVERY == 0 && clock_ms() > deadline)
			result = 1;
	}
	sqlite3_finalize(row);
	return result;
}

/* The beginning of a segment against the end of the one before. */
static bool joint_check(sqlite3 *db, const struct segment_name *name, bool oldest, struct verification *verification, struct error *err)
{
	uint8_t previous[CHAIN_BYTES];

	if (segment_previous(db, previous, err) == -1)
		return false;
	if (oldest) {
		memcpy(verification->chain, previous, sizeof previous);
		verification->last = name->first - 1;
		return true;
	}
	if (name->first != verification->last + 1)
		return problem(verification, "a segment is missing");
	if (memcmp(previous, verification->chain, sizeof previous) != 0)
		return problem(verification, "a segment was changed");
	return true;
}

int verify_on(const char *realm, int64_t after, struct verification *ret_verification, struct error *err)
{
	struct verification verification = { .last = after };
	cleanup_free struct segment_name *names = NULL;
	int64_t deadline = clock_ms() + ENOUGH_MS;
	char folder[SEGMENT_PATH_TEXT], path[SEGMENT_PATH_TEXT];
	size_t count, from = 0;
	int checked = 0;

	snprintf(folder, sizeof folder, AUDIT_FOLDER "/%s", realm);
	if (segment_list(folder, &names, &count, err) == -1)
		return -1;
	if (count > 0)
		verification.first = names[0].first;
	while (after > 0 && from + 1 < count && names[from + 1].first <= after)
		from++;
	for (size_t i = from; i < count && checked == 0; i++) {
		bool within = i == from && after > 0;
		segment_path(folder, &names[i], path);
		sqlite3 *db = segment_read(path, err);
		if (db == NULL)
			return -1;
		if (within || joint_check(db, &names[i], i == 0, &verification, err))
			checked = segment_check(db, verification.last, within, deadline, &verification, err);
		else
			checked = verification.broken ? 1 : -1;
		sqlite3_close(db);
	}
	if (checked == -1)
		return -1;
	verification.done = checked == 0;
	*ret_verification = verification;
	return 0;
}

int verify_link(const char *realm, int64_t seq, const uint8_t chain[CHAIN_BYTES], struct error *err)
{
	cleanup_free struct segment_name *names = NULL;
	char folder[SEGMENT_PATH_TEXT], path[SEGMENT_PATH_TEXT];
	sqlite3_stmt *row = NULL;
	size_t count, i = 0;
	int result = -1;

	snprintf(folder, sizeof folder, AUDIT_FOLDER "/%s", realm);
	if (segment_list(folder, &names, &count, err) == -1)
		return -1;
	while (i + 1 < count && names[i + 1].first <= seq)
		i++;
	if (count == 0)
		return error_set(err, ENOENT, "the log is empty");
	segment_path(folder, &names[i], path);
	sqlite3 *db = segment_read(path, err);
	if (db == NULL)
		return -1;
	if (sqlite3_prepare_v2(db, "SELECT chain = ? FROM records WHERE seq = ?", -1, &row, NULL) != SQLITE_OK ||
	    sqlite3_bind_blob(row, 1, chain, CHAIN_BYTES, SQLITE_STATIC) != SQLITE_OK || sqlite3_bind_int64(row, 2, seq) != SQLITE_OK)
		segment_error(db, err);
	else if (sqlite3_step(row) == SQLITE_ROW)
		result = sqlite3_column_int(row, 0);
	else
		error_set(err, ENOENT, "record %lld is not kept any more, or not there yet", (long long)seq);
	sqlite3_finalize(row);
	sqlite3_close(db);
	return result;
}
