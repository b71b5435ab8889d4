/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/audit/search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

enum {
	ENOUGH_MS = 2000,           /* then what was found is the answer, and the rest is asked for by the next question */
	ENOUGH_BYTES = 8 << 20,
	SQL_ROOM = 8192,
};

#define EQUAL(name) { #name, #name " = :" #name, false }

const struct search_filter search_filters[] = {
	EQUAL(kind), EQUAL(project), EQUAL(container), EQUAL(service), EQUAL(request), EQUAL(client), EQUAL(method), EQUAL(host), EQUAL(identity),
	EQUAL(decision), EQUAL(rule),
	{ "path", "substr(path, 1, length(:path)) = :path", false },
	{ "text", "(instr(path, :text) OR instr(host, :text) OR instr(identity, :text) OR instr(client, :text) OR instr(detail, :text))", false },
	{ "status_from", "status >= :status_from", true },
	{ "status_to", "status <= :status_to", true },
};
const size_t search_filter_count = sizeof search_filters / sizeof search_filters[0];

int search_read(json_t *question, struct search *ret_search, struct error *err)
{
	struct search search = { .limit = 1000, .before = INT64_MAX, .until = INT64_MAX };
	json_t *filters = NULL;
	const struct json_field fields[] = {
		{ "realm", JSON_KIND_STRING, true, 1, ID_TEXT - 1, search.realm, NULL },
		{ "after", JSON_KIND_INTEGER, false, 0, INT64_MAX, &search.after, NULL },
		{ "before", JSON_KIND_INTEGER, false, 0, INT64_MAX, &search.before, NULL },
		{ "since", JSON_KIND_INTEGER, false, 0, INT64_MAX, &search.since, NULL },
		{ "until", JSON_KIND_INTEGER, false, 0, INT64_MAX, &search.until, NULL },
		{ "limit", JSON_KIND_INTEGER, false, 1, INT64_MAX, &search.limit, NULL },
		{ "newest_first", JSON_KIND_BOOLEAN, false, 0, 0, &search.newest_first, NULL },
		{ "filters", JSON_KIND_OBJECT, false, 0, 0, &filters, NULL },
	};

	if (json_read(question, "", fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	if (strcmp(search.realm, RECORD_HOST) != 0 && !id_valid(search.realm))
		return error_field(err, "realm", "not a log");
	search.filters = filters;
	*ret_search = search;
	return 0;
}

int search_segments(const struct search *search, struct segment_name **ret_names, size_t *ret_count, struct error *err)
{
	cleanup_free struct segment_name *names = NULL;
	char folder[SEGMENT_PATH_TEXT];
	size_t count, kept = 0;

	snprintf(folder, sizeof folder, AUDIT_FOLDER "/%s", search->realm);
	if (segment_list(folder, &names, &count, err) == -1)
		return -1;
	for (size_t i = 0; i < count; i++) {
		bool last = i + 1 == count;
		/* A segment ends where the next one begins. */
		bool early = !last && (names[i + 1].first - 1 <= search->after || names[i + 1].time < search->since);
		bool late = names[i].first >= search->before || names[i].time >= search->until;
		if (!early && !late)
			names[kept++] = names[i];
	}
	for (size_t i = 0; search->newest_first && i < kept / 2; i++) {
		struct segment_name swapped = names[i];
		names[i] = names[kept - 1 - i];
		names[kept - 1 - i] = swapped;
	}
	*ret_names = steal_pointer(&names);
	*ret_count = kept;
	return 0;
}

static int filter_bind(sqlite3_stmt *query, const struct search_filter *filter, json_t *value, struct error *err)
{
	char name[32];

	snprintf(name, sizeof name, ":%s", filter->name);
	int place = sqlite3_bind_parameter_index(query, name);
	int bound = filter->number ? sqlite3_bind_int64(query, place, json_integer_value(value))
				   : sqlite3_bind_text(query, place, json_string_value(value), -1, SQLITE_STATIC);
	return bound == SQLITE_OK ? 0 : error_set(err, EIO, "cannot bind %s (%d)", filter->name, bound);
}

/* The first record written at a time or later: times never go back, so it is found by halving. */
static int64_t seq_at(sqlite3 *db, const char *table, int64_t time)
{
	char sql[128];
	sqlite3_stmt *row = NULL;
	int64_t low = 0, high = 0;

	snprintf(sql, sizeof sql, "SELECT min(seq), max(seq) + 1 FROM %s", table);
	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW) {
		low = sqlite3_column_int64(row, 0);
		high = sqlite3_column_int64(row, 1);
	}
	sqlite3_finalize(row);
	row = NULL;
	snprintf(sql, sizeof sql, "SELECT time >= ? FROM %s WHERE seq = ?", table);
	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
		high = low;
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		(void)sqlite3_reset(row);
		bool later = sqlite3_bind_int64(row, 1, time) == SQLITE_OK && sqlite3_bind_int64(row, 2, middle) == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW &&
			     sqlite3_column_int(row, 0) == 1;
		if (later)
			high = middle;
		else
			low = middle + 1;
	}
	sqlite3_finalize(row);
	return low;
}

sqlite3_stmt *search_query(const struct search *search, sqlite3 *db, const char *head, const char *table, const char *tail, struct error *err)
{
	int64_t first = search->after + 1, end = search->before;
	char sql[SQL_ROOM];
	sqlite3_stmt *query;
	size_t size;

	if (search->since > 0) {
		int64_t seq = seq_at(db, table, search->since);
		first = seq > first ? seq : first;
	}
	if (search->until < INT64_MAX) {
		int64_t seq = seq_at(db, table, search->until);
		end = seq < end ? seq : end;
	}
	size = (size_t)snprintf(sql, sizeof sql, "%s WHERE seq >= %lld AND seq < %lld", head, (long long)first, (long long)end);
	for (size_t i = 0; i < search_filter_count; i++)
		if (json_object_get(search->filters, search_filters[i].name) != NULL)
			size += (size_t)snprintf(sql + size, sizeof sql - size, " AND %s", search_filters[i].clause);
	size += (size_t)snprintf(sql + size, sizeof sql - size, " %s", tail);
	if (size >= sizeof sql) {
		error_set(err, EIO, "a query is too long");
		return NULL;
	}
	if (sqlite3_prepare_v2(db, sql, -1, &query, NULL) != SQLITE_OK) {
		segment_error(db, err);
		return NULL;
	}
	for (size_t i = 0; i < search_filter_count; i++) {
		json_t *value = json_object_get(search->filters, search_filters[i].name);
		if (value != NULL && filter_bind(query, &search_filters[i], value, err) == -1) {
			sqlite3_finalize(query);
			return NULL;
		}
	}
	return query;
}

/* "SELECT seq, <the record as JSON, without what it does not have> FROM records". Text put together is twice as fast as SQLite's own objects. */
static void select_make(char *sql, size_t room)
{
	static const char when[] = "strftime('%Y-%m-%dT%H:%M:%f', time / 1000000.0, 'unixepoch')";
	size_t size = (size_t)snprintf(sql, room, "SELECT seq, '{\"seq\":' || seq || ',\"time\":\"' || %s || 'Z\"'", when);

	for (int i = 0; i < RECORD_COLUMNS; i++) {
		const char *name = record_fields[i].name;
		if (i == RECORD_STARTED)
			size += (size_t)snprintf(sql + size, room - size, " || ifnull(',\"started\":\"' || strftime('%%Y-%%m-%%dT%%H:%%M:%%f', started / 1000000.0, 'unixepoch') || 'Z\"', '')");
		else if (i == RECORD_DETAIL)
			size += (size_t)snprintf(sql + size, room - size, " || ifnull(',\"detail\":' || CASE WHEN json_valid(detail) THEN detail END, '')");
		else if (record_fields[i].number)
			size += (size_t)snprintf(sql + size, room - size, " || ifnull(',\"%s\":' || %s, '')", name, name);
		else
			size += (size_t)snprintf(sql + size, room - size, " || CASE WHEN %s IS NULL THEN '' ELSE ',\"%s\":' || json_quote(%s) END", name, name, name);
	}
	snprintf(sql + size, room - size, " || '}' FROM records");
}

struct found {
	FILE *out;
	enum search_form form;
	int64_t count, last;
};

/* 1: more may be in it, 0: it is done, -1 with err. */
static int segment_write(const struct search *search, const char *path, struct found *found, struct error *err)
{
	char head[4096], tail[64];
	sqlite3 *db = segment_read(path, err);
	sqlite3_stmt *query = NULL;
	int result = -1;

	if (db == NULL)
		return access(path, F_OK) == -1 ? 0 : -1; /* it went meanwhile, being too old */
	select_make(head, sizeof head);
	snprintf(tail, sizeof tail, "ORDER BY seq %s LIMIT %lld", search->newest_first ? "DESC" : "ASC", (long long)(search->limit - found->count));
	query = search_query(search, db, head, "records", tail, err);
	while (query != NULL) {
		int step = sqlite3_step(query);
		if (step != SQLITE_ROW) {
			result = step == SQLITE_DONE ? 0 : segment_error(db, err);
			break;
		}
		found->last = sqlite3_column_int64(query, 0);
		if (found->form == SEARCH_JSON && found->count > 0)
			fputc(',', found->out);
		fputs((const char *)sqlite3_column_text(query, 1), found->out);
		if (found->form == SEARCH_LINES)
			fputc('\n', found->out);
		found->count++;
		if (found->count == search->limit || ftell(found->out) > ENOUGH_BYTES) {
			result = 1;
			break;
		}
	}
	sqlite3_finalize(query);
	sqlite3_close(db);
	return result;
}

int search_write(const struct search *search, enum search_form form, FILE *out, int64_t *ret_next, bool *ret_more, struct error *err)
{
	cleanup_free struct segment_name *names = NULL;
	struct found found = { .out = out, .form = form, .last = search->newest_first ? search->before : search->after };
	int64_t deadline = clock_ms() + ENOUGH_MS;
	char folder[SEGMENT_PATH_TEXT], path[SEGMENT_PATH_TEXT];
	bool more = false;
	size_t count;

	if (search_segments(search, &names, &count, err) == -1)
		return -1;
	snprintf(folder, sizeof folder, AUDIT_FOLDER "/%s", search->realm);
	if (form == SEARCH_JSON)
		fputs("{\"records\":[", out);
	for (size_t i = 0; i < count && !more; i++) {
		segment_path(folder, &names[i], path);
		int written = segment_write(search, path, &found, err);
		if (written == -1)
			return -1;
		more = written == 1;
		if (!more && i + 1 < count) {
			/* All of this one was looked at. */
			found.last = search->newest_first ? names[i].first : names[i + 1].first - 1;
			more = clock_ms() > deadline;
		}
	}
	if (form == SEARCH_JSON && more)
		fprintf(out, "],\"next\":%lld}\n", (long long)found.last);
	else if (form == SEARCH_JSON)
		fputs("],\"next\":null}\n", out);
	*ret_next = found.last;
	*ret_more = more;
	return 0;
}
