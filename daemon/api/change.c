/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * change: PATCH of a container. The engine puts limits in force first, or
 * refuses them; then the row says so. A name, a restart policy and what is run at
 * the next start are the row's alone. Ports and services are in force when the answer
 * comes: the gate has them, and what was open to a port that has no URL any more is ended.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/confinement.h"
#include "daemon/api/container.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/api/routes.h"
#include "daemon/api/services.h"
#include "daemon/api/spec.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"

enum { CHANGE_MS = 15000 };

/* One that is with the engine. */
struct change {
	struct change *next;
	struct request *request;
	char id[ID_TEXT];
	struct spec spec; /* of it: name, restart, start_order, limits, user, folder, port */
	char *labels, *seccomp, *command, *environment, *services; /* JSON; NULL: as they are */
	struct route_message route; /* as it was */
	struct error unrouted;      /* why the gate does not have the new one */
};

static struct change *changes;

static bool change_under_way(const char *id)
{
	for (const struct change *change = changes; change != NULL; change = change->next)
		if (strcmp(change->id, id) == 0)
			return true;
	return false;
}

static void change_free(struct change *change)
{
	struct change **link = &changes;

	while (*link != NULL && *link != change)
		link = &(*link)->next;
	if (*link != NULL)
		*link = change->next;
	free(change->labels);
	free(change->seccomp);
	free(change->command);
	free(change->environment);
	free(change->services);
	free(change);
}

/* What holds until now, as far as it can be changed. 1 found, 0 not, -1 with err. */
static int spec_load(struct store *store, const char *id, struct spec *spec, struct error *err)
{
	cleanup_query sqlite3_stmt *row =
		store_query(store, err,
			    "SELECT name, restart, memory_max, swap_max, disk_max, cpu_percent, cpu_weight, pids_max, start_order,"
			    " cpus, read_max, write_max, user, folder, port, memory_high FROM containers"
			    " WHERE id = ? AND deleted IS NULL", "s", id);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step != 1)
		return step;
	*spec = (struct spec){
		.restart = query_int(row, 1), .memory_max = query_int(row, 2), .swap_max = query_int(row, 3),
		.disk_max = query_int(row, 4), .cpu_percent = query_int(row, 5), .cpu_weight = query_int(row, 6),
		.pids_max = query_int(row, 7), .start_order = query_int(row, 8), .read_max = query_int(row, 10),
		.write_max = query_int(row, 11), .port = query_int(row, 14), .memory_high = query_int(row, 15),
	};
	snprintf(spec->cpus, sizeof spec->cpus, "%s", query_text(row, 9));
	snprintf(spec->name, sizeof spec->name, "%s", query_text(row, 0));
	snprintf(spec->user, sizeof spec->user, "%s", query_text(row, 12));
	snprintf(spec->folder, sizeof spec->folder, "%s", query_text(row, 13));
	return 1;
}

static int row_update(struct store *store, const struct change *change, struct error *err)
{
	const struct spec *spec = &change->spec;
	int set = store_run(store, err,
			    "UPDATE containers SET name = ?, restart = ?, memory_max = ?, swap_max = ?, disk_max = ?, cpu_percent = ?,"
			    " cpu_weight = ?, pids_max = ?, start_order = ?, cpus = ?, read_max = ?, write_max = ?, user = ?, folder = ?,"
			    " labels = ifnull(?, labels), seccomp = ifnull(?, seccomp), command = ifnull(?, command),"
			    " environment = ifnull(?, environment), services = ifnull(?, services), port = ?, memory_high = ?"
			    " WHERE id = ? AND deleted IS NULL",
			    "siiiiiiiisiisssssssiis", spec->name, spec->restart, spec->memory_max, spec->swap_max, spec->disk_max,
			    spec->cpu_percent, spec->cpu_weight, spec->pids_max, spec->start_order, spec->cpus, spec->read_max,
			    spec->write_max, spec->user, spec->folder, change->labels, change->seccomp, change->command,
			    change->environment, change->services, spec->port, spec->memory_high, change->id);

	if (set == -1 && err->code == EEXIST) {
		error_field(err, "name", "the project has a container named %s already", spec->name);
		err->code = EEXIST;
	}
	return set == 0 ? error_set(err, ENOENT, "there is no such container") : set == -1 ? -1 : 0;
}

/* Whether all that lead to it still have a service to lead to. */
static int aliases_check(struct api *api, const char *id, struct error *err)
{
	struct route_message ignored;
	cleanup_query sqlite3_stmt *rows = store_query(api->store, err, "SELECT id, host, service FROM aliases WHERE container = ?", "s", id);
	int step = rows == NULL ? -1 : 1;

	while (step == 1 && (step = query_step(rows, err)) == 1) {
		if (route_fill_alias(api, query_text(rows, 0), &ignored, err) == 0)
			continue;
		if (err->code != EINVAL)
			return -1;
		error_field(err, "services", "the alias %s leads to service %s; lead it elsewhere first", query_text(rows, 1), query_text(rows, 2));
		err->code = EEXIST;
		return -1;
	}
	return step;
}

/* What the engine would be told if the row had it; whether the row takes it. */
static int message_make(struct api *api, const struct change *change, struct container_message *message, struct error *err)
{
	if (store_begin(api->store, err) == -1)
		return -1;
	int result = row_update(api->store, change, err);
	if (result == 0)
		result = container_message_fill(api, change->id, message, err);
	if (result == 0)
		result = aliases_check(api, change->id, err);
	store_rollback(api->store);
	return result;
}

static void change_end(struct change *change, const struct error *err)
{
	if (err != NULL) {
		log_error("the routes of container %s are not in force yet: %s", change->id, err->message);
		request_fail(change->request, 503, "unavailable", NULL, "the change is stored, but the proxy does not have it yet; it takes it when it can");
	} else {
		container_answer(change->request, 200, change->id);
	}
}

static void cut(const struct message *answer, const struct error *err, void *data)
{
	struct change *change = data;

	(void)answer;
	change_end(change, change->unrouted.code != 0 ? &change->unrouted : err);
	change_free(change);
}

/* New requests go where they shall; what is open to other ports ends, also if the gate cannot be told yet. */
static void routed(const struct message *answer, const struct error *err, void *data)
{
	struct change *change = data;
	struct error own = ERROR_INIT;

	(void)answer;
	if (err != NULL)
		change->unrouted = *err;
	if (routes_cut(change->request->api, change->id, cut, change, &own) == -1)
		cut(NULL, &own, change);
}

/* 1: under way, 0: nothing to do, -1 with err. */
static int routes_update(struct change *change, struct error *err)
{
	struct api *api = change->request->api;
	struct route_message now;
	int64_t wanted;

	if (route_fill(api, change->id, &now, err) == -1 ||
	    store_number(api->store, err, 0, &wanted, "SELECT wanted FROM containers WHERE id = ?", "s", change->id) == -1)
		return -1;
	/* Who names services again, as after a failure, has them told again. */
	if (wanted != CONTAINER_WANTED_RUNNING || (change->services == NULL && memcmp(&now, &change->route, sizeof now) == 0))
		return 0;
	return routes_set(api, change->id, routed, change, err) == 0 ? 1 : -1;
}

static void change_answered(const struct message *answer, const struct error *err, void *data)
{
	struct change *change = data;
	struct error own = ERROR_INIT;

	(void)answer;
	if (err != NULL && err->code == EEXIST)
		request_fail(change->request, 409, "conflict", err->field[0] == '\0' ? NULL : err->field, "%s", err->message);
	else if (err != NULL)
		request_fail_host(change->request, err);
	else if (row_update(change->request->api->store, change, &own) == -1)
		request_fail_error(change->request, &own);
	else if (routes_update(change, &own) == 1)
		return;
	else
		change_end(change, own.code == 0 ? NULL : &own);
	change_free(change);
}

static void change_begin(struct request *request, const struct spec *spec)
{
	static struct container_message message; /* large */
	struct error err = ERROR_INIT;
	struct change *change = calloc(1, sizeof *change);

	if (change == NULL) {
		request_fail(request, 503, "unavailable", NULL, "no memory for a change");
		return;
	}
	*change = (struct change){ .next = changes, .request = request, .spec = *spec };
	if (spec->labels != NULL)
		change->labels = json_dumps(spec->labels, JSON_COMPACT);
	if (spec->seccomp != NULL) {
		cleanup_json json_t *whole = confinement_whole(spec->seccomp);
		change->seccomp = whole == NULL ? NULL : json_dumps(whole, JSON_COMPACT);
	}
	/* As the row of a new one has them: no command is "". */
	if (spec->command != NULL)
		change->command = json_array_size(spec->command) == 0 ? strdup("") : json_dumps(spec->command, JSON_COMPACT);
	if (spec->services != NULL)
		change->services = services_text(spec->services);
	if (spec->environment != NULL)
		change->environment = json_dumps(spec->environment, JSON_COMPACT);
	snprintf(change->id, sizeof change->id, "%.24s", request->id);
	changes = change;
	if (route_fill(request->api, change->id, &change->route, &err) == -1 || message_make(request->api, change, &message, &err) == -1) {
		request_fail_error(request, &err);
		change_free(change);
	} else if (peer_ask(request->api->engine, MESSAGE_CONTAINER_CHANGE, &message, sizeof message, -1, CHANGE_MS, change_answered,
			    change, &err) == -1) {
		request_fail_host(request, &err);
		change_free(change);
	}
}

void containers_change(struct request *request)
{
	struct error err = ERROR_INIT;
	struct spec spec;

	int found = container_visible(request, &err);
	if (found == 1)
		found = spec_load(request->api->store, request->id, &spec, &err);
	if (found == 0) {
		request_fail_missing(request, "container", NULL);
		return;
	}
	if (found == -1 || spec_change(request->json, &spec, &err) == -1)
		request_fail_error(request, &err);
	else if (change_under_way(request->id))
		request_fail(request, 409, "conflict", NULL, "another change of the container is under way; try again");
	else
		change_begin(request, &spec);
}
