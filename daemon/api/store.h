/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store: what should be, in SQLite (WAL, synchronous=FULL): once store_commit()
 * has returned 0, a power cut does not undo it.
 *
 * Errors: EEXIST a UNIQUE constraint, EBUSY a row is still referred to (FOREIGN
 * KEY), ENOSPC the disk is full, EIO the rest.
 */
#ifndef BULKHEAD_STORE_H
#define BULKHEAD_STORE_H

#include <sqlite3.h>
#include <stdint.h>

struct error;
struct store;

/* Opens or makes the file, brings its tables up to date, and keeps some room on disk for when that is full. */
struct store *store_open(const char *path, struct error *err);
void store_close(struct store *store); /* takes NULL */

int store_begin(struct store *store, struct error *err);
int store_commit(struct store *store, struct error *err); /* rolls back when it fails */
void store_rollback(struct store *store);                 /* harmless without a transaction */

/*
 * Prepares and binds. types has one letter per value: s const char * (NULL: null),
 * i int64_t, b const void * and size_t. Texts and blobs must live as long as the
 * statement. NULL with err on failure.
 */
sqlite3_stmt *store_query(struct store *store, struct error *err, const char *sql, const char *types, ...);

/* 1: a row, 0: no more, -1 with err. */
int query_step(sqlite3_stmt *query, struct error *err);

/* Columns; text is "" for null and lives until the next step. */
const char *query_text(sqlite3_stmt *query, int column);
int64_t query_int(sqlite3_stmt *query, int column);

static inline void query_cleanup(sqlite3_stmt **query)
{
	sqlite3_finalize(*query);
}

#define cleanup_query __attribute__((cleanup(query_cleanup)))

/* Runs a statement to its end. Returns the count of changed rows, or -1 with err. */
int store_run(struct store *store, struct error *err, const char *sql, const char *types, ...);

/* The same for whom the count is nothing: 0, or -1 with err. */
int store_do(struct store *store, struct error *err, const char *sql, const char *types, ...);

/* First column of the first row as a number; fallback without a row. Returns 0 or -1. */
int store_number(struct store *store, struct error *err, int64_t fallback, int64_t *ret_number, const char *sql,
		 const char *types, ...);

#endif
