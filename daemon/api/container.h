/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container: one container's row: as JSON, as the frame for the engine, and what is
 * wanted of it.
 */
#ifndef BULKHEAD_CONTAINERS_H
#define BULKHEAD_CONTAINERS_H

#include <jansson.h>
#include <sqlite3.h>

#include "daemon/api/request.h"
#include "daemon/lib/protocol.h"

struct api;
struct error;

/* Rows for container_json(), up to their condition. */
#define CONTAINER_SELECT \
	"SELECT c.id, c.project, p.realm, c.name, c.image, i.digest, c.wanted, c.id_base, c.ipv4, c.ipv6, c.port," \
	" c.command, c.environment, c.memory_max, c.swap_max, c.disk_max, c.cpu_percent, c.cpu_weight, c.pids_max," \
	" c.merge, c.created, ifnull(r.state, -1), ifnull(r.message, ''), ifnull(r.start_ms, 0)," \
	" ifnull(r.exit_status, 0), i.name, c.user, c.folder, c.restart, c.labels, c.start_order, c.cpus," \
	" c.read_max, c.write_max, c.seccomp, c.services, c.memory_high" \
	" FROM containers c JOIN projects p ON p.id = c.project JOIN images i ON i.id = c.image" \
	" LEFT JOIN temp.runtime r ON r.id = c.id WHERE c.deleted IS NULL AND"

json_t *container_json(struct request *request, sqlite3_stmt *row);

/* Answers with the container, or 404 when it has been deleted meanwhile. */
void container_answer(struct request *request, unsigned int status, const char *id);

/* 1 if the caller sees the container of the request, 0 if there is none for it, -1 with err. */
int container_visible(struct request *request, struct error *err);

/*
 * Begins a transaction in which the container of the request is wanted to run. True:
 * the caller commits; *ret_state is as of runtime_state(). False: it was answered.
 */
bool container_want(struct request *request, int64_t *ret_state);

/* Writes what is wanted of the container of the request; 1 done, 0 no such container, -1 with err. */
int container_wanted_set(struct request *request, enum container_wanted wanted, struct error *err);

/* Answers 503 and returns true while the host goes down: what would start now is stopped by nobody. */
bool container_host_goes_down(struct request *request);

/* Fills the engine's frame from the store. ENOENT: no such container, or it has its tombstone. */
int container_message_fill(struct api *api, const char *id, struct container_message *message, struct error *err);

/* How the API spells a state; -1: not known yet. */
const char *container_state_name(int64_t state, bool wanted);

#endif
