/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each segment is counted on its own, into a table in memory that all of them share: a row for each key and
 * span of durations. Percentiles come of the spans, of which there are 32 for each power of two.
 */
#include "daemon/audit/statistics.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/audit/search.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum {
	SPANS = 32,
	ENOUGH_MS = 20000,
};

static const struct {
	const char *name;
	int64_t seconds;
} steps[] = { { "minute", 60 }, { "hour", 3600 }, { "day", 86400 } };

static const enum record_column columns[] = {
	RECORD_PROJECT, RECORD_CONTAINER, RECORD_SERVICE, RECORD_CLIENT, RECORD_METHOD, RECORD_HOSTNAME, RECORD_PATH, RECORD_VERSION, RECORD_STATUS,
	RECORD_IDENTITY, RECORD_DECISION, RECORD_RULE, RECORD_ENDING, RECORD_KIND,
};

static int64_t step_of(const char *by)
{
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (strcmp(steps[i].name, by) == 0)
			return steps[i].seconds;
	return 0;
}

bool statistics_by(const char *by)
{
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
		if (strcmp(record_fields[columns[i]].name, by) == 0)
			return true;
	return step_of(by) != 0;
}

/* Number of the span that a duration is in, and the longest that is in it. */
static int64_t span_of(int64_t duration)
{
	int power = 0;

	while (duration >> power >= 2 * SPANS)
		power++;
	return power * SPANS + (duration >> power);
}

static int64_t span_end(int64_t span)
{
	int64_t power = span < 2 * SPANS ? 0 : span / SPANS - 1;

	return ((span - power * SPANS + 1) << power) - 1;
}

static void span_call(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	int64_t duration = sqlite3_value_int64(values[0]);
	sqlite3_result_int64(context, span_of(duration < 0 ? 0 : duration));
}

static int script(sqlite3 *db, const char *sql, struct error *err)
{
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

	if (code == SQLITE_FULL)
		return error_set(err, ENOBUFS, "there are too many different values; ask for a shorter time");
	return code == SQLITE_OK ? 0 : segment_error(db, err);
}

static int segment_count(const struct search *search, sqlite3 *db, const char *path, const char *by, struct error *err)
{
	char key[96], head[512];
	sqlite3_stmt *query = NULL;
	int result = -1;

	char *attach = sqlite3_mprintf("ATTACH 'file:%q?mode=ro' AS part", path);
	if (attach == NULL)
		return error_set(err, ENOMEM, "no memory for statistics");
	if (script(db, attach, err) == -1) {
		sqlite3_free(attach);
		return access(path, F_OK) == -1 ? 0 : -1; /* it went meanwhile, being too old */
	}
	sqlite3_free(attach);
	if (step_of(by) != 0)
		snprintf(key, sizeof key, "time / %lld * %lld", (long long)step_of(by) * 1000000, (long long)step_of(by));
	else
		snprintf(key, sizeof key, "ifnull(%s, '')", by);
	snprintf(head, sizeof head, "INSERT INTO tally SELECT %s, span(ifnull(duration, 0)), count(*), sum(ifnull(status, 0) >= 500), sum(ifnull(received, 0)),"
				    " sum(ifnull(sent, 0)) FROM part.records", key);
	query = search_query(search, db, head, "part.records",
			     "AND kind IN ('request', 'call') GROUP BY 1, 2 ON CONFLICT (key, span) DO UPDATE SET count = count + excluded.count,"
			     " errors = errors + excluded.errors, received = received + excluded.received, sent = sent + excluded.sent", err);
	if (query != NULL) {
		int step = sqlite3_step(query);
		if (step == SQLITE_DONE)
			result = 0;
		else if (step == SQLITE_FULL)
			error_set(err, ENOBUFS, "there are too many different values; ask for a shorter time");
		else
			segment_error(db, err);
	}
	sqlite3_finalize(query);
	return script(db, "DETACH part", result == -1 ? &(struct error)ERROR_INIT : err) == -1 ? -1 : result;
}

/* -- writing -- */

struct row {
	int64_t count, errors, received, sent;
	int64_t percentiles[3];
};

/* key NULL: all. */
static int row_read(sqlite3 *db, sqlite3_value *key, struct row *ret_row, struct error *err)
{
	static const int percents[3] = { 50, 95, 99 };
	sqlite3_stmt *query = NULL;
	int64_t seen = 0;
	int next = 0, step;

	*ret_row = (struct row){ 0 };
	for (int pass = 0; pass < 2; pass++) {
		const char *sql = pass == 0 ? "SELECT ifnull(sum(count), 0), ifnull(sum(errors), 0), ifnull(sum(received), 0), ifnull(sum(sent), 0) FROM tally"
					      " WHERE ?1 IS NULL OR key = ?1"
					    : "SELECT span, sum(count) FROM tally WHERE ?1 IS NULL OR key = ?1 GROUP BY span ORDER BY span";
		if (sqlite3_prepare_v2(db, sql, -1, &query, NULL) != SQLITE_OK || (key != NULL && sqlite3_bind_value(query, 1, key) != SQLITE_OK)) {
			sqlite3_finalize(query);
			return segment_error(db, err);
		}
		while ((step = sqlite3_step(query)) == SQLITE_ROW) {
			if (pass == 0) {
				ret_row->count = sqlite3_column_int64(query, 0);
				ret_row->errors = sqlite3_column_int64(query, 1);
				ret_row->received = sqlite3_column_int64(query, 2);
				ret_row->sent = sqlite3_column_int64(query, 3);
				continue;
			}
			seen += sqlite3_column_int64(query, 1);
			while (next < 3 && seen * 100 >= ret_row->count * percents[next])
				ret_row->percentiles[next++] = span_end(sqlite3_column_int64(query, 0));
		}
		sqlite3_finalize(query);
		if (step != SQLITE_DONE)
			return segment_error(db, err);
	}
	return 0;
}

static void row_print(const struct row *row, FILE *out)
{
	fprintf(out, "\"count\":%lld,\"errors\":%lld,\"error_rate\":%.6g,\"received\":%lld,\"sent\":%lld,\"p50\":%lld,\"p95\":%lld,\"p99\":%lld}",
		(long long)row->count, (long long)row->errors, row->count == 0 ? 0.0 : (double)row->errors / (double)row->count, (long long)row->received,
		(long long)row->sent, (long long)row->percentiles[0], (long long)row->percentiles[1], (long long)row->percentiles[2]);
}

static int rows_print(sqlite3 *db, const char *by, int top, FILE *out, struct error *err)
{
	bool timed = step_of(by) != 0;
	const char *sql = timed ? "SELECT * FROM (SELECT key, json_quote(strftime('%Y-%m-%dT%H:%M:%SZ', key, 'unixepoch')) FROM tally GROUP BY key ORDER BY key DESC LIMIT ?)"
				  " ORDER BY key"
				: "SELECT key, CASE key WHEN '' THEN 'null' ELSE json_quote(key) END FROM tally GROUP BY key ORDER BY sum(count) DESC, key LIMIT ?";
	sqlite3_stmt *keys;
	struct row row;
	int step, count = 0, result = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &keys, NULL) != SQLITE_OK || sqlite3_bind_int(keys, 1, top) != SQLITE_OK)
		return segment_error(db, err);
	while (result == 0 && (step = sqlite3_step(keys)) == SQLITE_ROW) {
		result = row_read(db, sqlite3_column_value(keys, 0), &row, err);
		fprintf(out, "%s{\"key\":%s,", count++ > 0 ? "," : "", (const char *)sqlite3_column_text(keys, 1));
		row_print(&row, out);
	}
	sqlite3_finalize(keys);
	if (result == 0 && step != SQLITE_DONE)
		result = segment_error(db, err);
	if (result == 0)
		result = row_read(db, NULL, &row, err);
	fputs("],\"total\":{", out);
	row_print(&row, out);
	return result;
}

static int count_all(const struct search *search, sqlite3 *db, const char *by, struct error *err)
{
	cleanup_free struct segment_name *names = NULL;
	char folder[SEGMENT_PATH_TEXT], path[SEGMENT_PATH_TEXT];
	int64_t deadline = clock_ms() + ENOUGH_MS;
	size_t count;

	if (search_segments(search, &names, &count, err) == -1)
		return -1;
	snprintf(folder, sizeof folder, AUDIT_FOLDER "/%s", search->realm);
	for (size_t i = 0; i < count; i++) {
		if (clock_ms() > deadline)
			return error_set(err, ETIMEDOUT, "there is too much to be counted; ask for a shorter time");
		segment_path(folder, &names[i], path);
		if (segment_count(search, db, path, by, err) == -1)
			return -1;
	}
	return 0;
}

int statistics_write(const struct search *search, const char *by, int top, FILE *out, struct error *err)
{
	sqlite3 *db = NULL;
	int result = -1;

	/* 16,384 pages of 4 KiB at most: what a client can make this process take. */
	if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL) != SQLITE_OK ||
	    sqlite3_create_function(db, "span", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, span_call, NULL, NULL) != SQLITE_OK)
		segment_error(db, err);
	else if (script(db, "PRAGMA temp_store = MEMORY; PRAGMA max_page_count = 16384;"
			    "CREATE TABLE tally (key, span INTEGER, count INTEGER, errors INTEGER, received INTEGER, sent INTEGER, PRIMARY KEY (key, span)) WITHOUT ROWID",
			err) == 0 &&
		 count_all(search, db, by, err) == 0) {
		fprintf(out, "{\"by\":\"%s\",\"rows\":[", by);
		result = rows_print(db, by, top, out, err);
		fputs("}\n", out);
	}
	sqlite3_close(db);
	return result;
}
