/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page: lists in parts. `limit` rows at a time, ordered by id; `after` is the
 * `next` of the page before. A row that is made or deleted meanwhile does not
 * shift the others.
 */
#ifndef BULKHEAD_PAGE_H
#define BULKHEAD_PAGE_H

#include <sqlite3.h>
#include <stdint.h>

#include "daemon/api/request.h"

struct page {
	int64_t limit;     /* bind limit + 1: one row more tells if there is a next page */
	const char *after; /* "" for the first page */
};

/* Reads the query parameters; answers 400 and returns -1 if they are wrong. */
int page_read(struct request *request, struct page *page);

/* Answers {"items": [...], "next": id or null}; column 0 of query is the id. NULL query: answers err. */
void page_answer(struct request *request, const struct page *page, sqlite3_stmt *query, struct error *err,
		 json_t *(*row)(struct request *request, sqlite3_stmt *query));

/* Answers one row, or that there is none. */
void row_answer(struct request *request, unsigned int status, const char *what, sqlite3_stmt *query,
		struct error *err, json_t *(*row)(struct request *request, sqlite3_stmt *query));

/* A time as JSON text; null for 0. */
json_t *time_json(int64_t ms);

#endif
