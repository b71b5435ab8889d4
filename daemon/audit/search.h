/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * search: which records of a log are asked for, and where they are. Times are microseconds since 1970.
 */
#ifndef BULKHEAD_SEARCH_H
#define BULKHEAD_SEARCH_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/audit/segment.h"
#include "daemon/lib/hex.h"

struct error;

struct search {
	char realm[ID_TEXT];
	int64_t after, before;  /* seq: between them, without them */
	int64_t since, until;   /* when it was written: from, and before */
	int64_t limit;          /* records */
	bool newest_first;
	json_t *filters;        /* borrowed: search_filters by name, text or number */
};

/* What filters may name. */
struct search_filter {
	const char *name;
	const char *clause;     /* of SQL, with :name */
	bool number;
};

extern const struct search_filter search_filters[];
extern const size_t search_filter_count;

/* Of a question (records.c). -1 with err. */
int search_read(json_t *question, struct search *ret_search, struct error *err);

/* Those of its segments that may have such records, in its order; *ret_folder_there: the log exists. The caller frees them. */
int search_segments(const struct search *search, struct segment_name **ret_names, size_t *ret_count, struct error *err);

/* "<head> WHERE ... <tail>", bound; table is the name of its records. NULL with err. */
sqlite3_stmt *search_query(const struct search *search, sqlite3 *db, const char *head, const char *table, const char *tail, struct error *err);

enum search_form { SEARCH_JSON, SEARCH_LINES };

/*
 * Writes what is found: {"records": [...], "next": ...}, or a line of JSON each. *ret_next: seq to go on from; *ret_more: there
 * may be more there. It ends early rather than take long.
 */
int search_write(const struct search *search, enum search_form form, FILE *out, int64_t *ret_next, bool *ret_more, struct error *err);

#endif
