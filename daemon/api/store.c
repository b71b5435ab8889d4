/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "daemon/lib/error.h"
#include "daemon/lib/log.h"

struct store {
	sqlite3 *db;
};

/* Each entry brings a file of version i to i + 1; never edit one that was released. */
static const char *const migrations[] = {
	"CREATE TABLE realms ("
	" id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, sharing TEXT NOT NULL, created INTEGER NOT NULL) STRICT;"
	"CREATE TABLE projects ("
	" id TEXT PRIMARY KEY, realm TEXT NOT NULL REFERENCES realms(id), name TEXT NOT NULL,"
	" created INTEGER NOT NULL, UNIQUE (realm, name)) STRICT;"
	"CREATE TABLE tokens ("
	" id TEXT PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL UNIQUE, role INTEGER NOT NULL,"
	" platform INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER) STRICT;"
	"CREATE TABLE token_realms ("
	" token TEXT NOT NULL REFERENCES tokens(id) ON DELETE CASCADE,"
	" realm TEXT NOT NULL REFERENCES realms(id) ON DELETE CASCADE, PRIMARY KEY (token, realm)) STRICT;"
	"CREATE INDEX token_realms_realm ON token_realms (realm);"
	/* realm NULL: of the host, usable by every realm. One layer may serve several rows. */
	"CREATE TABLE images ("
	" id TEXT PRIMARY KEY, realm TEXT REFERENCES realms(id), name TEXT NOT NULL, digest TEXT NOT NULL,"
	" bytes INTEGER NOT NULL, entries INTEGER NOT NULL, created INTEGER NOT NULL) STRICT;"
	"CREATE UNIQUE INDEX images_digest ON images (digest, ifnull(realm, ''));"
	/* deleted: tombstone. Once revoked, the row lets go of project and image, but keeps its addresses and ids
	 * taken until the engine has cleaned up. */
	"CREATE TABLE containers ("
	" id TEXT PRIMARY KEY, project TEXT REFERENCES projects(id), name TEXT NOT NULL,"
	" image TEXT REFERENCES images(id), wanted INTEGER NOT NULL, id_base INTEGER NOT NULL UNIQUE,"
	" ipv4 INTEGER NOT NULL UNIQUE, ipv6 BLOB NOT NULL UNIQUE, port INTEGER NOT NULL, command TEXT NOT NULL,"
	" environment TEXT NOT NULL, memory_max INTEGER NOT NULL, swap_max INTEGER NOT NULL,"
	" disk_max INTEGER NOT NULL, cpu_percent INTEGER NOT NULL, cpu_weight INTEGER NOT NULL,"
	" pids_max INTEGER NOT NULL, merge INTEGER NOT NULL, created INTEGER NOT NULL, deleted INTEGER,"
	" revoked INTEGER) STRICT;"
	"CREATE UNIQUE INDEX containers_name ON containers (project, name) WHERE deleted IS NULL;"
	"CREATE INDEX containers_image ON containers (image);"
	"CREATE TABLE quarantine (ipv4 INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT;"
	"CREATE TABLE idempotency ("
	" caller TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL, body BLOB NOT NULL, resource TEXT NOT NULL,"
	" created INTEGER NOT NULL, PRIMARY KEY (caller, key)) STRICT;"
	"CREATE INDEX idempotency_created ON idempotency (created);"
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;",
	"CREATE TABLE pulls ("
	" id TEXT PRIMARY KEY, realm TEXT REFERENCES realms(id) ON DELETE CASCADE, name TEXT NOT NULL,"
	" reference TEXT NOT NULL, state TEXT NOT NULL, image TEXT, error_code TEXT NOT NULL DEFAULT '',"
	" error_text TEXT NOT NULL DEFAULT '', bytes INTEGER NOT NULL DEFAULT 0, blobs INTEGER NOT NULL DEFAULT 0,"
	" created INTEGER NOT NULL, ended INTEGER) STRICT;"
	"CREATE INDEX pulls_ended ON pulls (realm, ended);",
	/* config: "" for a root file system, which has none. user, folder of containers: NULL: as the image says. */
	"ALTER TABLE images ADD COLUMN config TEXT NOT NULL DEFAULT '';"
	"CREATE TABLE image_layers ("
	" image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE, position INTEGER NOT NULL, digest TEXT NOT NULL,"
	" PRIMARY KEY (image, position)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX image_layers_digest ON image_layers (digest);"
	"INSERT INTO image_layers (image, position, digest) SELECT id, 0, digest FROM images;"
	"ALTER TABLE containers ADD COLUMN user TEXT;"
	"ALTER TABLE containers ADD COLUMN folder TEXT;",
	/* Measured by the engine: merging brings it nothing. */
	"ALTER TABLE containers ADD COLUMN unprofitable INTEGER NOT NULL DEFAULT 0;",
	/* enum revival_policy */
	"ALTER TABLE containers ADD COLUMN restart INTEGER NOT NULL DEFAULT 0;",
	/* Containers are told of, and so started, in the order of the index (sync.c). */
	"ALTER TABLE containers ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';"
	"ALTER TABLE containers ADD COLUMN start_order INTEGER NOT NULL DEFAULT 500;"
	"ALTER TABLE containers ADD COLUMN cpus TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE containers ADD COLUMN read_max INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE containers ADD COLUMN write_max INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX containers_order ON containers (printf('%04d', start_order) || id);",
	/* deleted: not whole yet, or not wanted any more; the row goes when its files have gone. */
	"CREATE TABLE snapshots ("
	" id TEXT PRIMARY KEY, container TEXT NOT NULL, name TEXT NOT NULL, id_base INTEGER NOT NULL,"
	" entries INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL,"
	" deleted INTEGER) STRICT;"
	/* JSON of the container that was exported to it; '': none was. */
	"ALTER TABLE images ADD COLUMN settings TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE containers ADD COLUMN seccomp TEXT NOT NULL DEFAULT '{\"policy\":\"default\",\"deny\":[]}';"
	"CREATE UNIQUE INDEX snapshots_name ON snapshots (container, name) WHERE deleted IS NULL;",
	/* id: of one of the others. published: ports of the host that lead to containers; those of a tombstone count no more. */
	"CREATE TABLE firewalls ("
	" id TEXT PRIMARY KEY, realm TEXT REFERENCES realms(id) ON DELETE CASCADE,"
	" project TEXT REFERENCES projects(id) ON DELETE CASCADE, container TEXT REFERENCES containers(id) ON DELETE CASCADE,"
	" version INTEGER NOT NULL, document TEXT NOT NULL) STRICT;"
	"CREATE TABLE published ("
	" protocol TEXT NOT NULL, host_port INTEGER NOT NULL, container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,"
	" PRIMARY KEY (protocol, host_port)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX published_container ON published (container);",
	/* addresses: lib/address_set.h; ipv4, ipv6: how many of each. */
	"CREATE TABLE address_sets ("
	" id TEXT PRIMARY KEY, realm TEXT NOT NULL REFERENCES realms(id), name TEXT NOT NULL, comment TEXT NOT NULL,"
	" version INTEGER NOT NULL, addresses BLOB NOT NULL, ipv4 INTEGER NOT NULL, ipv6 INTEGER NOT NULL, created INTEGER NOT NULL,"
	" UNIQUE (realm, name)) STRICT;",
	/* services: JSON (services.h). service of an alias: name or port of one, '': the container's default. */
	"ALTER TABLE containers ADD COLUMN services TEXT NOT NULL DEFAULT '[]';"
	"ALTER TABLE containers ADD COLUMN memory_high INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE aliases ("
	" id TEXT PRIMARY KEY, realm TEXT NOT NULL REFERENCES realms(id), host TEXT NOT NULL UNIQUE,"
	" container TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, service TEXT NOT NULL, enabled INTEGER NOT NULL,"
	" created INTEGER NOT NULL) STRICT;"
	"CREATE INDEX aliases_container ON aliases (container);",
	/* id: of one of the others. document: normal (lib/permissions.h). */
	"CREATE TABLE permissions ("
	" id TEXT PRIMARY KEY, realm TEXT REFERENCES realms(id) ON DELETE CASCADE,"
	" project TEXT REFERENCES projects(id) ON DELETE CASCADE, container TEXT REFERENCES containers(id) ON DELETE CASCADE,"
	" version INTEGER NOT NULL, document TEXT NOT NULL) STRICT;",
	/* id: of a realm, or 'host'. mode: enum audit_mode. */
	"CREATE TABLE audits ("
	" id TEXT PRIMARY KEY, realm TEXT REFERENCES realms(id) ON DELETE CASCADE, version INTEGER NOT NULL, mode INTEGER NOT NULL,"
	" bytes_max INTEGER NOT NULL, days_max INTEGER NOT NULL) STRICT;",
};

static int store_error(sqlite3 *db, struct error *err)
{
	int code = sqlite3_extended_errcode(db);

	switch (code) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
		return error_set(err, EEXIST, "it exists already");
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return error_set(err, EBUSY, "it is still in use");
	case SQLITE_FULL:
		return error_set(err, ENOSPC, "the data disk is full");
	default:
		return error_set(err, EIO, "the state store failed: %s (%d)", sqlite3_errmsg(db), code);
	}
}

static int store_script(struct store *store, const char *sql, struct error *err)
{
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_error(store->db, err);
}

static int store_migrate(struct store *store, struct error *err)
{
	enum { MIGRATIONS = sizeof migrations / sizeof migrations[0] };
	int64_t version;

	if (store_number(store, err, 0, &version, "PRAGMA user_version", "") == -1)
		return -1;
	if (version > MIGRATIONS)
		return error_set(err, EINVAL, "the state store is of a newer Bulkhead (version %lld, this one knows %d)",
				 (long long)version, MIGRATIONS);
	for (; version < MIGRATIONS; version++) {
		char mark[64];
		sqlite3_snprintf(sizeof mark, mark, "PRAGMA user_version = %d", (int)version + 1);
		if (store_begin(store, err) == -1 || store_script(store, migrations[version], err) == -1 ||
		    store_script(store, mark, err) == -1 || store_commit(store, err) == -1) {
			store_rollback(store);
			return error_wrap(err, "cannot bring the state store to version %lld", (long long)version + 1);
		}
	}
	return 0;
}

/*
 * Room for small changes when containers have filled the disk: without it the
 * very deletion that frees the disk could not be noted. Pages of the file that
 * are in no use, and a log whose blocks are written over and not given back.
 */
static void store_reserve(struct store *store)
{
	static const char sql[] = "CREATE TABLE IF NOT EXISTS reserve (room BLOB NOT NULL) STRICT;"
				  "INSERT INTO reserve VALUES (zeroblob(4194304)); DELETE FROM reserve;";
	struct error err = ERROR_INIT;
	int keep = 1;

	(void)sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &keep); /* a file in memory has none */
	if (store_script(store, sql, &err) == -1)
		log_warning("the disk is so full that no room can be kept for the state: %s", err.message);
}

struct store *store_open(const char *path, struct error *err)
{
	struct store *store = calloc(1, sizeof *store);

	if (store == NULL) {
		error_set(err, ENOMEM, "no memory for the state store");
		return NULL;
	}
	if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		error_set(err, EIO, "cannot open the state store %s: %s", path,
			  store->db == NULL ? "no memory" : sqlite3_errmsg(store->db));
		store_close(store);
		return NULL;
	}
	/* The exclusive lock keeps the WAL index in this process's memory: no shared file, one owner. */
	if (store_script(store, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
				"PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
				"PRAGMA mmap_size = 0;", err) == -1 ||
	    store_migrate(store, err) == -1) {
		error_wrap(err, "cannot use the state store %s", path);
		store_close(store);
		return NULL;
	}
	store_reserve(store);
	return store;
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	sqlite3_close(store->db);
	free(store);
}

int store_begin(struct store *store, struct error *err)
{
	return store_script(store, "BEGIN IMMEDIATE", err);
}

int store_commit(struct store *store, struct error *err)
{
	if (store_script(store, "COMMIT", err) == -1) {
		store_rollback(store);
		return -1;
	}
	return 0;
}

void store_rollback(struct store *store)
{
	if (sqlite3_get_autocommit(store->db) == 0 &&
	    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		log_error("cannot roll back: %s", sqlite3_errmsg(store->db));
}

static sqlite3_stmt *query_bind(struct store *store, struct error *err, const char *sql, const char *types, va_list ap)
{
	sqlite3_stmt *query;

	if (sqlite3_prepare_v2(store->db, sql, -1, &query, NULL) != SQLITE_OK) {
		store_error(store->db, err);
		return NULL;
	}
	int result = SQLITE_OK;
	for (int i = 1; *types != '\0' && result == SQLITE_OK; types++, i++) {
		switch (*types) {
		case 's':
			result = sqlite3_bind_text(query, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
			break;
		case 'i':
			result = sqlite3_bind_int64(query, i, va_arg(ap, int64_t));
			break;
		case 'b': {
			const void *blob = va_arg(ap, const void *);
			result = sqlite3_bind_blob64(query, i, blob, va_arg(ap, size_t), SQLITE_STATIC);
			break;
		}
		default:
			result = SQLITE_MISUSE;
		}
	}
	if (result != SQLITE_OK) {
		error_set(err, EIO, "cannot bind the values of a query (%d)", result);
		sqlite3_finalize(query);
		return NULL;
	}
	return query;
}

sqlite3_stmt *store_query(struct store *store, struct error *err, const char *sql, const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	sqlite3_stmt *query = query_bind(store, err, sql, types, ap);
	va_end(ap);
	return query;
}

int query_step(sqlite3_stmt *query, struct error *err)
{
	switch (sqlite3_step(query)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return store_error(sqlite3_db_handle(query), err);
	}
}

const char *query_text(sqlite3_stmt *query, int column)
{
	const char *text = (const char *)sqlite3_column_text(query, column);

	return text == NULL ? "" : text;
}

int64_t query_int(sqlite3_stmt *query, int column)
{
	return sqlite3_column_int64(query, column);
}

/* Takes the statement over, which may be NULL: then err is set. */
static int query_finish(struct store *store, struct error *err, sqlite3_stmt *bound)
{
	cleanup_query sqlite3_stmt *query = bound;
	int step;

	if (query == NULL)
		return -1;
	do
		step = query_step(query, err);
	while (step == 1);
	return step == -1 ? -1 : sqlite3_changes(store->db);
}

int store_run(struct store *store, struct error *err, const char *sql, const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	sqlite3_stmt *query = query_bind(store, err, sql, types, ap);
	va_end(ap);
	return query_finish(store, err, query);
}

int store_do(struct store *store, struct error *err, const char *sql, const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	sqlite3_stmt *query = query_bind(store, err, sql, types, ap);
	va_end(ap);
	return query_finish(store, err, query) == -1 ? -1 : 0;
}

int store_number(struct store *store, struct error *err, int64_t fallback, int64_t *ret_number, const char *sql,
		 const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	cleanup_query sqlite3_stmt *query = query_bind(store, err, sql, types, ap);
	va_end(ap);
	if (query == NULL)
		return -1;
	int step = query_step(query, err);
	if (step == -1)
		return -1;
	*ret_number = step == 1 ? query_int(query, 0) : fallback;
	return 0;
}
