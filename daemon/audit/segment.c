/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/audit/segment.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum { RECENT = 5000, BUSY_MS = 5000 };

int segment_error(sqlite3 *db, struct error *err)
{
	int code = sqlite3_extended_errcode(db);

	if (code == SQLITE_FULL)
		return error_set(err, ENOSPC, "the data disk is full");
	if (code == SQLITE_INTERRUPT)
		return error_set(err, ETIMEDOUT, "it takes too long; ask for a shorter time");
	return error_set(err, EIO, "%s (%d)", sqlite3_errmsg(db), code);
}

/* -- names -- */

static int by_first(const void *a, const void *b)
{
	const struct segment_name *one = a, *other = b;

	return one->first < other->first ? -1 : one->first > other->first;
}

int segment_list(const char *folder, struct segment_name **ret_names, size_t *ret_count, struct error *err)
{
	cleanup_free struct segment_name *names = NULL;
	size_t count = 0, room = 0;
	DIR *open = opendir(folder);
	struct dirent *entry;

	*ret_names = NULL;
	*ret_count = 0;
	if (open == NULL)
		return errno == ENOENT ? 0 : error_errno(err, "cannot read %s", folder);
	while ((entry = readdir(open)) != NULL) {
		struct segment_name name;
		int end = 0;
		if (sscanf(entry->d_name, "%16lld-%16lld.db%n", (long long *)&name.first, (long long *)&name.time, &end) != 2 || end == 0 ||
		    entry->d_name[end] != '\0')
			continue;
		if (count == room) {
			struct segment_name *more = reallocarray(names, room = room == 0 ? 64 : room * 2, sizeof *names);
			if (more == NULL) {
				closedir(open);
				return error_set(err, ENOMEM, "no memory for the segments of a log");
			}
			names = more;
		}
		names[count++] = name;
	}
	closedir(open);
	if (count > 0)
		qsort(names, count, sizeof *names, by_first);
	*ret_names = steal_pointer(&names);
	*ret_count = count;
	return 0;
}

void segment_path(const char *folder, const struct segment_name *name, char path[SEGMENT_PATH_TEXT])
{
	snprintf(path, SEGMENT_PATH_TEXT, "%s/%016lld-%016lld.db", folder, (long long)name->first, (long long)name->time);
}

/* -- files -- */

static int script(sqlite3 *db, const char *sql, struct error *err)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : segment_error(db, err);
}

/* One row; NULL with err. */
static sqlite3_stmt *row_get(sqlite3 *db, const char *sql, struct error *err)
{
	sqlite3_stmt *row;

	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK) {
		if (sqlite3_step(row) == SQLITE_ROW)
			return row;
		sqlite3_finalize(row);
	}
	segment_error(db, err);
	return NULL;
}

static int chain_get(sqlite3_stmt *row, int column, uint8_t chain[CHAIN_BYTES], struct error *err)
{
	if (sqlite3_column_bytes(row, column) != CHAIN_BYTES)
		return error_set(err, EBADMSG, "a link of the chain is not %d bytes long", CHAIN_BYTES);
	memcpy(chain, sqlite3_column_blob(row, column), CHAIN_BYTES);
	return 0;
}

static int database_open(const char *path, int flags, const char *pragmas, sqlite3 **ret_db, struct error *err)
{
	*ret_db = NULL;
	if (sqlite3_open_v2(path, ret_db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK || sqlite3_busy_timeout(*ret_db, BUSY_MS) != SQLITE_OK ||
	    script(*ret_db, "PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048", err) == -1 ||
	    script(*ret_db, pragmas, err) == -1) {
		if (err->code == 0)
			segment_error(*ret_db, err);
		sqlite3_close(*ret_db);
		*ret_db = NULL;
		return error_wrap(err, "cannot open %s", path);
	}
	return 0;
}

static int insert_prepare(struct segment *segment, struct error *err)
{
	char sql[1024];
	size_t size = (size_t)snprintf(sql, sizeof sql, "INSERT INTO records VALUES (?, ?");

	for (int i = 0; i <= RECORD_COLUMNS; i++)
		size += (size_t)snprintf(sql + size, sizeof sql - size, ", ?");
	snprintf(sql + size, sizeof sql - size, ")");
	return sqlite3_prepare_v3(segment->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &segment->insert, NULL) == SQLITE_OK ? 0 : segment_error(segment->db, err);
}

static int tables_make(sqlite3 *db, const char *realm, const uint8_t previous[CHAIN_BYTES], struct error *err)
{
	char sql[2048], digits[2 * CHAIN_BYTES + 1];
	size_t size = (size_t)snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; CREATE TABLE records (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL");

	for (int i = 0; i < RECORD_COLUMNS; i++)
		size += (size_t)snprintf(sql + size, sizeof sql - size, ", %s %s", record_fields[i].name, record_fields[i].number ? "INTEGER" : "TEXT");
	hex_encode(previous, CHAIN_BYTES, digits);
	snprintf(sql + size, sizeof sql - size,
		 ", chain BLOB NOT NULL) STRICT; CREATE INDEX records_container ON records (container) WHERE container IS NOT NULL;"
		 "CREATE TABLE about (realm TEXT NOT NULL, previous BLOB NOT NULL) STRICT;"
		 "INSERT INTO about VALUES ('%s', x'%s'); PRAGMA user_version = 1; COMMIT", realm, digits);
	return script(db, sql, err);
}

static const char writing[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000";

int segment_create(const char *path, const char *realm, int64_t first, int64_t time, const uint8_t previous[CHAIN_BYTES], struct segment *ret_segment,
		   struct error *err)
{
	*ret_segment = (struct segment){ .seq = first - 1, .time = time };
	memcpy(ret_segment->chain, previous, CHAIN_BYTES);
	if (database_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, writing, &ret_segment->db, err) == -1)
		return -1;
	if (tables_make(ret_segment->db, realm, previous, err) == -1 || insert_prepare(ret_segment, err) == -1) {
		sqlite3_close(ret_segment->db);
		return error_wrap(err, "cannot begin %s", path);
	}
	return 0;
}

int segment_previous(sqlite3 *db, uint8_t previous[CHAIN_BYTES], struct error *err)
{
	sqlite3_stmt *row = row_get(db, "SELECT previous FROM about", err);
	int result = row == NULL ? -1 : chain_get(row, 0, previous, err);

	sqlite3_finalize(row);
	return result;
}

int segment_open(const char *path, struct segment *ret_segment, struct error *err)
{
	struct segment segment = { 0 };
	sqlite3_stmt *row = NULL;
	int result = -1;

	if (database_open(path, SQLITE_OPEN_READWRITE, writing, &segment.db, err) == -1)
		return -1;
	row = row_get(segment.db, "SELECT max(seq), count(*) FROM records", err);
	if (row == NULL)
		goto end;
	segment.seq = sqlite3_column_int64(row, 0);
	segment.count = sqlite3_column_int64(row, 1);
	sqlite3_finalize(row);
	row = NULL;
	if (segment.count == 0) {
		/* Its name has the number; the caller knows it. */
		result = segment_previous(segment.db, segment.chain, err);
	} else if ((row = row_get(segment.db, "SELECT time, chain FROM records ORDER BY seq DESC LIMIT 1", err)) != NULL) {
		segment.time = sqlite3_column_int64(row, 0);
		result = chain_get(row, 1, segment.chain, err);
	}
	if (result == 0)
		result = insert_prepare(&segment, err);
end:
	sqlite3_finalize(row);
	if (result == -1) {
		sqlite3_close(segment.db);
		return error_wrap(err, "cannot go on with %s", path);
	}
	*ret_segment = segment;
	return 0;
}

sqlite3 *segment_read(const char *path, struct error *err)
{
	sqlite3 *db;

	return database_open(path, SQLITE_OPEN_READONLY, "PRAGMA query_only = ON", &db, err) == -1 ? NULL : db;
}

/* -- writing -- */

static void rolled_back(struct segment *segment)
{
	if (sqlite3_get_autocommit(segment->db) == 0)
		(void)sqlite3_exec(segment->db, "ROLLBACK", NULL, NULL, NULL);
	segment->seq = segment->before.seq;
	segment->time = segment->before.time;
	segment->count = segment->before.count;
	memcpy(segment->chain, segment->before.chain, CHAIN_BYTES);
	segment->open = false;
}

static int begin(struct segment *segment, struct error *err)
{
	if (segment->open)
		return 0;
	if (script(segment->db, "BEGIN IMMEDIATE", err) == -1)
		return -1;
	segment->open = true;
	segment->before.seq = segment->seq;
	segment->before.time = segment->time;
	segment->before.count = segment->count;
	memcpy(segment->before.chain, segment->chain, CHAIN_BYTES);
	return 0;
}

int segment_append(struct segment *segment, int64_t time, const struct record *record, struct error *err)
{
	struct chain_value values[CHAIN_VALUES] = { 0 };
	char digits[CHAIN_VALUES][24];
	int bound = SQLITE_OK;

	if (begin(segment, err) == -1)
		return -1;
	if (time < segment->time)
		time = segment->time; /* the clock was set back */
	for (int i = 0; i < CHAIN_VALUES && bound == SQLITE_OK; i++) {
		bool number = i < 2 || record_fields[i - 2].number;
		int64_t value = i == 0 ? segment->seq + 1 : i == 1 ? time : record->numbers[i - 2];
		const char *text = number ? NULL : record->texts[i - 2];
		if (number && value >= 0) {
			values[i].size = (size_t)snprintf(digits[i], sizeof digits[i], "%lld", (long long)value);
			values[i].text = digits[i];
			bound = sqlite3_bind_int64(segment->insert, i + 1, value);
		} else if (text != NULL) {
			values[i] = (struct chain_value){ text, strlen(text) };
			bound = sqlite3_bind_text(segment->insert, i + 1, text, (int)values[i].size, SQLITE_STATIC);
		} else {
			bound = sqlite3_bind_null(segment->insert, i + 1);
		}
	}
	chain_next(segment->chain, values);
	if (bound == SQLITE_OK)
		bound = sqlite3_bind_blob(segment->insert, CHAIN_VALUES + 1, segment->chain, CHAIN_BYTES, SQLITE_STATIC);
	if (bound != SQLITE_OK || sqlite3_step(segment->insert) != SQLITE_DONE) {
		segment_error(segment->db, err);
		(void)sqlite3_reset(segment->insert);
		rolled_back(segment);
		return -1;
	}
	(void)sqlite3_reset(segment->insert);
	segment->seq++;
	segment->count++;
	segment->time = time;
	return 0;
}

/* What the WAL has taken reaches the disk: SQLite does this by itself only when it moves it into the file. */
static int wal_sync(sqlite3 *db, struct error *err)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK || file == NULL || file->pMethods == NULL)
		return error_set(err, EIO, "SQLite has no log file");
	if (file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY) != SQLITE_OK)
		return error_set(err, EIO, "the log cannot be brought to the disk");
	return 0;
}

int segment_commit(struct segment *segment, bool durable, struct error *err)
{
	if (segment->open) {
		if (script(segment->db, "COMMIT", err) == -1) {
			rolled_back(segment);
			return -1;
		}
		segment->open = false;
	}
	return durable ? wal_sync(segment->db, err) : 0;
}

int64_t segment_bytes(const struct segment *segment)
{
	int64_t pages = 0;
	sqlite3_stmt *row;

	if (sqlite3_prepare_v2(segment->db, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()", -1, &row, NULL) == SQLITE_OK &&
	    sqlite3_step(row) == SQLITE_ROW)
		pages = sqlite3_column_int64(row, 0);
	sqlite3_finalize(row);
	return pages;
}

bool segment_has(const struct segment *segment, const struct record *record)
{
	sqlite3_stmt *row = NULL;
	bool found = false;

	if (record->texts[RECORD_REQUEST] != NULL &&
	    sqlite3_prepare_v2(segment->db, "SELECT 1 FROM records WHERE seq > ? AND request = ? AND kind = ?", -1, &row, NULL) == SQLITE_OK)
		found = sqlite3_bind_int64(row, 1, segment->seq - RECENT) == SQLITE_OK &&
			sqlite3_bind_text(row, 2, record->texts[RECORD_REQUEST], -1, SQLITE_STATIC) == SQLITE_OK &&
			sqlite3_bind_text(row, 3, record->texts[RECORD_KIND], -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW;
	sqlite3_finalize(row);
	return found;
}

void segment_close(struct segment *segment, bool finished)
{
	if (segment->db == NULL)
		return;
	if (segment->open)
		rolled_back(segment);
	sqlite3_finalize(segment->insert);
	/* A reader may hold it open: then it stays in WAL mode, and is whole all the same. */
	if (finished)
		(void)sqlite3_exec(segment->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	sqlite3_close(segment->db);
	*segment = (struct segment){ 0 };
}
