/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/operation.h"
#include "daemon/api/services.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

enum { CUT_MS = 5000 };

int route_fill(struct api *api, const char *id, struct route_message *message, struct error *err)
{
	/* Also for tombstones: their route has to go. */
	cleanup_query sqlite3_stmt *row = store_query(
		api->store, err, "SELECT c.project, c.ipv4, c.port, c.services, p.realm FROM containers c JOIN projects p ON p.id = c.project"
					       " WHERE c.id = ?", "s", id);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step == -1)
		return -1;
	if (step == 0)
		return error_set(err, ENOENT, "there is no such container");
	*message = (struct route_message){ .ipv4 = htonl((uint32_t)query_int(row, 1)), .port = (uint16_t)query_int(row, 2) };
	snprintf(message->label, sizeof message->label, "%.24s-%.24s", query_text(row, 0), id);
	snprintf(message->realm, sizeof message->realm, "%s", query_text(row, 4));
	cleanup_json json_t *services = json_loads(query_text(row, 3), 0, NULL);
	if (services_read(services, message->services, &message->service_count, err) == -1)
		return -1;
	uint16_t port;
	(void)services_find(message, "", &port, &message->protocol);
	return 0;
}

void routes_alias_label(struct api *api, const char *host, char label[HOST_TEXT])
{
	const char *dot = strchr(host, '.');

	snprintf(label, HOST_TEXT, "%.*s", (int)(dot != NULL && strcmp(dot + 1, api->cfg.domain) == 0 ? dot - host : HOST_TEXT - 1), host);
}

int route_fill_alias(struct api *api, const char *id, struct route_message *message, struct error *err)
{
	struct route_message target;
	cleanup_query sqlite3_stmt *row = store_query(api->store, err, "SELECT host, container, service FROM aliases WHERE id = ?", "s", id);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step == 0)
		return error_set(err, ENOENT, "there is no such alias");
	if (step == -1 || route_fill(api, query_text(row, 1), &target, err) == -1)
		return -1;
	*message = (struct route_message){ .ipv4 = target.ipv4 };
	snprintf(message->realm, sizeof message->realm, "%s", target.realm);
	routes_alias_label(api, query_text(row, 0), message->label);
	snprintf(message->owner, sizeof message->owner, "%.63s", target.label);
	if (!services_find(&target, query_text(row, 2), &message->port, &message->protocol))
		return error_field(err, "service", "the container has no service %s", query_text(row, 2));
	return 0;
}

/* Some questions with one answer. */
struct telling {
	peer_answer_cb *cb;
	void *data;
	int open;
	struct error failure;
};

static void told(const struct message *answer, const struct error *err, void *data)
{
	struct telling *telling = data;

	(void)answer;
	if (err != NULL && telling->failure.code == 0)
		telling->failure = *err;
	if (--telling->open > 0)
		return;
	telling->cb(NULL, telling->failure.code == 0 ? NULL : &telling->failure, telling->data);
	free(telling);
}

static int route_ask(struct api *api, const struct route_message *route, struct telling *telling, struct error *err)
{
	if (peer_ask(api->gate, MESSAGE_ROUTE_SET, route, sizeof *route, -1, OPERATION_ROUTE_MS, told, telling, err) == -1)
		return -1;
	telling->open++;
	return 0;
}

static int aliases_ask(struct api *api, const char *id, struct telling *telling, struct error *err)
{
	struct route_message route;
	cleanup_query sqlite3_stmt *rows = store_query(api->store, err, "SELECT id FROM aliases WHERE container = ? AND enabled = 1", "s", id);
	int step = rows == NULL ? -1 : 1;

	while (step == 1 && (step = query_step(rows, err)) == 1)
		if (route_fill_alias(api, query_text(rows, 0), &route, err) == -1 || route_ask(api, &route, telling, err) == -1)
			return -1;
	return step;
}

int routes_set(struct api *api, const char *id, peer_answer_cb *cb, void *data, struct error *err)
{
	struct telling *telling = calloc(1, sizeof *telling);
	struct route_message route;

	if (telling == NULL)
		return error_set(err, ENOMEM, "no memory for routes");
	*telling = (struct telling){ .cb = cb, .data = data };
	if (route_fill(api, id, &route, err) == -1 || route_ask(api, &route, telling, err) == -1) {
		free(telling);
		return -1;
	}
	/* The first answer is still to come, so what fails now is told with it. */
	if (aliases_ask(api, id, telling, err) == -1)
		telling->failure = *err;
	return 0;
}

int routes_set_alias(struct api *api, const char *id, peer_answer_cb *cb, void *data, struct error *err)
{
	struct route_message route;

	if (route_fill_alias(api, id, &route, err) == -1)
		return -1;
	return peer_ask(api->gate, MESSAGE_ROUTE_SET, &route, sizeof route, -1, OPERATION_ROUTE_MS, cb, data, err);
}

int routes_forget(struct api *api, const char *label, peer_answer_cb *cb, void *data, struct error *err)
{
	struct route_message route = { .port = 0 };

	snprintf(route.label, sizeof route.label, "%s", label);
	return peer_ask(api->gate, MESSAGE_ROUTE_DELETE, &route, sizeof route, -1, OPERATION_ROUTE_MS, cb, data, err);
}

int routes_cut(struct api *api, const char *id, peer_answer_cb *cb, void *data, struct error *err)
{
	struct container_cut_message cut = { .kept_count = 1 };
	struct route_message route;

	if (route_fill(api, id, &route, err) == -1)
		return -1;
	snprintf(cut.id, sizeof cut.id, "%s", id);
	cut.kept[0] = route.port;
	for (size_t i = 0; i < route.service_count; i++)
		cut.kept[cut.kept_count++] = route.services[i].port;
	return peer_ask(api->engine, MESSAGE_CONTAINER_CUT, &cut, sizeof cut, -1, CUT_MS, cb, data, err);
}
