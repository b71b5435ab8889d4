/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/merge.h"

#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"

/* Container o has merge, and its realm (other) must not be merged with realm mine. */
#define RIVAL_SQL \
	" o.merge = 1 AND other.id <> mine.id AND NOT (other.sharing = 'host' AND mine.sharing = 'host') "

/*
 * Its processes are gone for sure: the engine said so (0 stopped, 4 failed). A tombstone counts until it is revoked,
 * whatever was said before, and so does a container that is not told of yet.
 */
#define IDLE_SQL \
	" o.deleted IS NULL AND EXISTS (SELECT 1 FROM temp.runtime r WHERE r.id = o.id AND r.state IN (0, 4)) "

#define RIVALS_SQL \
	" FROM containers o JOIN projects op ON op.id = o.project JOIN realms other ON other.id = op.realm WHERE" RIVAL_SQL

int merge_decide(struct store *store, const char *id, struct error *err)
{
	if (store_do(store, err,
		     "UPDATE containers SET merge = (SELECT unprofitable = 0 AND mine.sharing <> 'none' AND NOT EXISTS ("
		     "SELECT 1" RIVALS_SQL "AND NOT (" IDLE_SQL "))"
		     " FROM projects p JOIN realms mine ON mine.id = p.realm WHERE p.id = containers.project) WHERE id = ?",
		     "s", id) == -1)
		return -1;
	return store_do(store, err,
			"UPDATE containers SET merge = 0 WHERE id IN (SELECT o.id FROM containers c"
			" JOIN projects p ON p.id = c.project JOIN realms mine ON mine.id = p.realm"
			" JOIN containers o JOIN projects op ON op.id = o.project JOIN realms other ON other.id = op.realm"
			" WHERE c.id = ? AND c.merge = 1 AND" RIVAL_SQL "AND" IDLE_SQL ")",
			"s", id);
}

int merge_now(struct store *store, const char *id, int64_t *ret_merge, struct error *err)
{
	return store_number(store, err, 0, ret_merge,
			    "SELECT 1 FROM containers c JOIN projects p ON p.id = c.project JOIN realms mine ON mine.id = p.realm"
			    " WHERE c.id = ? AND c.merge = 1 AND c.unprofitable = 0 AND mine.sharing <> 'none' AND NOT EXISTS ("
			    "SELECT 1" RIVALS_SQL ")",
			    "s", id);
}

static void note(const char *id, int result, const struct error *err)
{
	if (result == -1)
		log_error("cannot note how container %s merges: %s", id, err->message);
}

void merge_take_unmerged(struct store *store, const char *id)
{
	struct error err = ERROR_INIT;

	note(id, store_do(store, &err, "UPDATE containers SET merge = 0 WHERE id = ? AND merge = 1", "s", id), &err);
}

void merge_take_unprofitable(struct store *store, const char *id)
{
	struct error err = ERROR_INIT;

	note(id, store_do(store, &err, "UPDATE containers SET unprofitable = 1 WHERE id = ? AND unprofitable = 0", "s", id),
	     &err);
}
