/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/runtime.h"

#include <stddef.h>

#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"

int runtime_open(struct store *store, struct error *err)
{
	return store_do(store, err,
			"CREATE TEMP TABLE runtime ("
			" id TEXT PRIMARY KEY, state INTEGER NOT NULL DEFAULT -1, message TEXT NOT NULL DEFAULT '',"
			" start_ms INTEGER NOT NULL DEFAULT 0, exit_status INTEGER NOT NULL DEFAULT 0,"
			" stops INTEGER NOT NULL DEFAULT 0, reaping INTEGER NOT NULL DEFAULT 0) STRICT", "");
}

static void note(const char *id, int result, const struct error *err)
{
	if (result == -1)
		log_error("cannot note the state of container %s: %s", id, err->message);
}

void runtime_take(struct store *store, const struct container_state_message *state)
{
	struct error err = ERROR_INIT;

	if (!id_valid(state->id) || state->state > CONTAINER_STATE_FROZEN) {
		log_error("the engine reported a state that makes no sense; it is ignored");
		return;
	}
	if (state->state == CONTAINER_STATE_FAILED)
		log_warning("container %s: %s", state->id, state->message);
	note(state->id,
	     store_do(store, &err,
		      "INSERT INTO temp.runtime (id, state, message, start_ms, exit_status) VALUES (?, ?, ?, ?, ?)"
		      " ON CONFLICT (id) DO UPDATE SET state = excluded.state, message = excluded.message,"
		      " start_ms = excluded.start_ms, exit_status = excluded.exit_status",
		      "sisii", state->id, (int64_t)state->state, state->message, (int64_t)state->start_ms,
		      (int64_t)state->exit_status),
	     &err);
}

void runtime_set(struct store *store, const char *id, enum container_state state, const char *message)
{
	struct error err = ERROR_INIT;

	note(id,
	     store_do(store, &err,
		      "INSERT INTO temp.runtime (id, state, message) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
		      " SET state = excluded.state, message = excluded.message WHERE NOT (state IN (2, 5) AND excluded.state = 1)",
		      "sis", id, (int64_t)state, message),
	     &err);
}

void runtime_started(struct store *store, const char *id)
{
	struct error err = ERROR_INIT;

	note(id, store_do(store, &err, "UPDATE temp.runtime SET state = 2, message = '' WHERE id = ? AND state = 1", "s", id),
	     &err);
}

void runtime_failed(struct store *store, const char *id, const char *message)
{
	struct error err = ERROR_INIT;

	note(id, store_do(store, &err, "UPDATE temp.runtime SET state = 4, message = ? WHERE id = ? AND state = 1", "ss", message, id), &err);
}

void runtime_stop_begin(struct store *store, const char *id)
{
	struct error err = ERROR_INIT;

	note(id,
	     store_do(store, &err,
		      "INSERT INTO temp.runtime (id, stops) VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET stops = stops + 1",
		      "s", id),
	     &err);
}

void runtime_stop_end(struct store *store, const char *id)
{
	struct error err = ERROR_INIT;

	note(id, store_do(store, &err, "UPDATE temp.runtime SET stops = max(stops - 1, 0) WHERE id = ?", "s", id), &err);
}

void runtime_reaping(struct store *store, const char *id, bool reaping)
{
	struct error err = ERROR_INIT;

	note(id,
	     store_do(store, &err,
		      "INSERT INTO temp.runtime (id, reaping) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET reaping ="
		      " excluded.reaping",
		      "si", id, (int64_t)reaping),
	     &err);
}

int runtime_state(struct store *store, const char *id, int64_t *ret_state, struct error *err)
{
	return store_number(store, err, -1, ret_state,
			    "SELECT CASE WHEN stops > 0 THEN 3 ELSE state END FROM temp.runtime WHERE id = ?", "s", id);
}
