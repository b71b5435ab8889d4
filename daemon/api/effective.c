/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * effective: what the firewall does with one container's packets: all rules in the
 * order in which they are asked, each with where it comes from and what it has
 * counted; and which of them decides about a given packet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api/address_set.h"
#include "daemon/api/api.h"
#include "daemon/api/container.h"
#include "daemon/api/document.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"

enum { COUNT_MS = 10000, COUNTS_MAX = 4 << 20 };

/* What holds for the container of a request. */
struct view {
	struct ruleset set;
	struct origin *origins;
	enum egress_mode mode;
};

static void view_free(struct view *view)
{
	ruleset_free(&view->set);
	free(view->origins);
}

static int view_load(struct api *api, const char *id, struct view *view, struct error *err)
{
	return document_effective(api->store, id, time_now_ms(), &view->set, &view->origins, &view->mode, NULL, err);
}

/* 0, or -1: answered. */
static int view_open(struct request *request, struct view *view)
{
	struct error err = ERROR_INIT;
	int found = container_visible(request, &err);

	*view = (struct view){ 0 };
	if (found == 0) {
		request_fail_missing(request, "container", NULL);
		return -1;
	}
	if (found == -1 || view_load(request->api, request->id, view, &err) == -1) {
		request_fail_error(request, &err);
		return -1;
	}
	return 0;
}

static json_t *rule_shown(const struct view *view, size_t index)
{
	const struct origin *origin = &view->origins[index];
	json_t *rule = rule_json(&view->set.rules[index]);

	json_object_set_new(rule, "from", json_pack("{s:s, s:s}", "scope", document_scope_name(origin->scope), "id", origin->id));
	return rule;
}

/* -- all of them -- */

static void counted(const struct message *answer, const struct error *err, void *data)
{
	struct request *request = data;
	struct view view;

	if (view_open(request, &view) == -1)
		return;
	/* Without the engine, or before it has counted: no figures, but the rules all the same. */
	struct error ignored = ERROR_INIT;
	cleanup_json json_t *counts = err != NULL ? NULL : json_read_fd(answer->fd, COUNTS_MAX, &ignored);
	json_t *rules = json_array(), *ports = json_array();
	for (size_t i = 0; i < view.set.rule_count; i++) {
		json_t *rule = rule_shown(&view, i), *count = json_object_get(counts, view.set.rules[i].id);
		json_object_set_new(rule, "packets", count == NULL ? json_null() : json_incref(json_array_get(count, 0)));
		json_object_set_new(rule, "bytes", count == NULL ? json_null() : json_incref(json_array_get(count, 1)));
		json_array_append_new(rules, rule);
	}
	for (size_t i = 0; i < view.set.port_count; i++)
		json_array_append_new(ports, published_json(&view.set.ports[i]));
	json_t *dropped = json_object();
	for (enum traffic_kind kind = 0; kind < TRAFFIC_KINDS; kind++) {
		json_t *count = json_object_get(counts, traffic_name(kind));
		json_object_set_new(dropped, traffic_name(kind), count == NULL ? json_null() : json_incref(json_array_get(count, 0)));
	}
	json_t *resolved = json_object_get(counts, "names"); /* NULL: unknown */
	json_t *delayed = json_array_get(json_object_get(counts, traffic_name(TRAFFIC_INGRESS)), 1);
	request_answer(request, 200, json_pack("{s:s, s:s, s:o, s:o, s:O?, s:O?, s:o, s:o}", "egress", document_egress_name(view.mode), "internal",
					       document_internal_name(view.set.internal_open), "limits", traffic_json(&view.set.traffic), "dropped",
					       dropped, "delayed", delayed, "resolved", resolved, "rules", rules, "ports", ports));
	view_free(&view);
}

static int counts_ask(struct request *request, peer_answer_cb *cb, struct error *err)
{
	struct container_id_message message = { 0 };

	memcpy(message.id, request->id, sizeof message.id - 1);
	return peer_ask(request->api->engine, MESSAGE_RULES_COUNT, &message, sizeof message, -1, COUNT_MS, cb, request, err);
}

void containers_firewall_effective(struct request *request)
{
	struct error err = ERROR_INIT;
	int found = container_visible(request, &err);

	if (found == 0)
		request_fail_missing(request, "container", NULL);
	else if (found == -1)
		request_fail_error(request, &err);
	else if (counts_ask(request, counted, &err) == -1)
		request_fail_host(request, &err);
}

/* -- one packet -- */

/* From the query, all but the far end; 0, or -1: answered. */
static int packet_read(struct request *request, struct rule_packet *packet)
{
	const char *direction = request_query(request, "direction"), *protocol = request_query(request, "protocol");
	struct error err = ERROR_INIT;
	int64_t port;

	if (request_query_number(request, "port", 0, 1, 65535, &port) == -1)
		return -1;
	int d = direction == NULL ? -1 : rule_direction_find(direction), p = protocol == NULL ? -1 : rule_protocol_find(protocol);
	bool has_port = p == RULE_TCP || p == RULE_UDP;
	if (d == -1)
		error_field(&err, "direction", "direction is not egress or ingress");
	else if (p <= RULE_ANY)
		error_field(&err, "protocol", "protocol is not tcp, udp, icmp or icmpv6");
	else if (has_port != (port != 0))
		error_field(&err, "port", has_port ? "port is missing: %s has one" : "port: %s has none", protocol);
	if (err.code != 0) {
		request_fail_error(request, &err);
		return -1;
	}
	packet->direction = (enum rule_direction)d;
	packet->protocol = rule_protocol_number((enum rule_protocol)p);
	packet->port = (uint16_t)port;
	return 0;
}

static int address_read(const char *text, const char *protocol, struct cidr *far, struct error *err)
{
	struct error why = ERROR_INIT;

	if (cidr_parse(text, far, &why) == -1)
		return error_field(err, "address", "address: %s", why.message);
	if (far->prefix != (far->family == AF_INET ? 32 : 128))
		return error_field(err, "address", "address is a network, not one address");
	if ((strcmp(protocol, "icmp") == 0 && far->family != AF_INET) || (strcmp(protocol, "icmpv6") == 0 && far->family != AF_INET6))
		return error_field(err, "address", "address: %s has no such addresses", protocol);
	return 0;
}

#define PEER_SQL "SELECT c.id FROM containers c JOIN projects p ON p.id = c.project WHERE c.deleted IS NULL AND p.realm = ? AND "

/* Whoever of the realm has that address: 1, 0, -1 with err. */
static int peer_at(struct store *store, const char *realm, const struct cidr *far, struct rule_groups *peer, struct error *err)
{
	uint32_t v4;

	memcpy(&v4, far->bytes, sizeof v4);
	cleanup_query sqlite3_stmt *row =
		far->family == AF_INET ? store_query(store, err, PEER_SQL "c.ipv4 = ?", "si", realm, (int64_t)ntohl(v4)) :
					 store_query(store, err, PEER_SQL "c.ipv6 = ?", "sb", realm, far->bytes, sizeof far->bytes);
	int step = row == NULL ? -1 : query_step(row, err);

	return step == 1 ? document_groups(store, query_text(row, 0), peer, err) : step;
}

/* Far end by address, or by the id of a container of the same realm; peer is filled in if it is one. 1 if so, 0, or -1 with err. */
static int far_read(struct request *request, const struct rule_groups *own, struct rule_packet *packet, struct rule_groups *peer, struct error *err)
{
	const char *address = request_query(request, "address"), *container = request_query(request, "container");
	struct store *store = request->api->store;

	if ((address == NULL) == (container == NULL))
		return error_field(err, "address", "address: name the far end by it, or by container");
	if (address != NULL) {
		if (address_read(address, request_query(request, "protocol"), &packet->far, err) == -1)
			return -1;
		return peer_at(store, own->realm, &packet->far, peer, err);
	}
	int found = document_groups(store, container, peer, err);
	if (found == 0 || (found == 1 && strcmp(peer->realm, own->realm) != 0))
		return error_field(err, "container", "container: the realm has no container %s", container);
	return found;
}

static bool in_pool(const struct api *api, const struct cidr *far)
{
	struct cidr pool = { .family = AF_INET, .prefix = api->cfg.container_pool.prefix };

	memcpy(pool.bytes, &api->cfg.container_pool.v4, sizeof api->cfg.container_pool.v4);
	return cidr_holds(&pool, far);
}

struct verdict {
	enum rule_action action;
	const char *reason;
	json_t *rule; /* NULL: none decides */
};

/* What the rules of one end say. */
static struct verdict end_decide(const struct view *view, const struct rule_packet *packet)
{
	const struct rule *rule = NULL;
	enum rule_action action = ruleset_decide(&view->set, packet, &rule);
	const char *otherwise = packet->direction == RULE_EGRESS ? "egress" : packet->peer != NULL ? "internal" : "published";

	return (struct verdict){ .action = action, .reason = rule != NULL ? "rule" : otherwise,
				 .rule = rule == NULL ? NULL : rule_shown(view, (size_t)(rule - view->set.rules)) };
}

/* Between two containers the one that sends is asked first, then the other: as the packet is. */
static int both_decide(struct api *api, const struct rule_packet *packet, const struct rule_groups *own, struct verdict *verdict, struct error *err)
{
	const struct rule_groups *from = packet->direction == RULE_EGRESS ? own : packet->peer, *to = from == own ? packet->peer : own;

	for (int direction = RULE_EGRESS; direction <= RULE_INGRESS; direction++) {
		struct rule_packet seen = *packet;
		struct view view = { 0 };
		seen.direction = (enum rule_direction)direction;
		seen.peer = direction == RULE_EGRESS ? to : from;
		if (view_load(api, direction == RULE_EGRESS ? from->container : to->container, &view, err) == -1)
			return -1;
		json_decref(verdict->rule);
		*verdict = end_decide(&view, &seen);
		view_free(&view);
		if (verdict->action != RULE_ALLOW)
			break;
	}
	return 0;
}

/* What rules name, for the one that asks whether a packet meets them. */
struct known {
	struct store *store;
	json_t *counts; /* the engine's; NULL: it does not say */
};

/* rule_set_holds_cb */
static bool set_known(const char *id, const struct cidr *address, void *data)
{
	const struct known *known = data;

	return address_set_has(id, address, known->store);
}

/* rule_name_holds_cb: the addresses that were found for a pattern. */
static bool name_known(const char *pattern, const struct cidr *address, void *data)
{
	const struct known *known = data;
	char text[CIDR_TEXT];

	cidr_format(address, text);
	return json_object_get(json_object_get(json_object_get(known->counts, "names"), pattern), text) != NULL;
}

static void packet_test(struct request *request, json_t *counts)
{
	struct known known = { .store = request->api->store, .counts = counts };
	struct verdict verdict = { .action = RULE_DENY };
	struct rule_packet packet = { .set_holds = set_known, .name_holds = name_known, .data = &known };
	struct rule_groups own, peer;
	struct error err = ERROR_INIT;
	struct view view;

	if (packet_read(request, &packet) == -1 || view_open(request, &view) == -1)
		return;
	int found = document_groups(request->api->store, request->id, &own, &err);
	if (found == 1)
		found = far_read(request, &own, &packet, &peer, &err);
	if (found == 1) {
		packet.peer = &peer;
		found = both_decide(request->api, &packet, &own, &verdict, &err);
	} else if (found == 0 && (ruleset_closed(&packet.far) || in_pool(request->api, &packet.far))) {
		verdict.reason = "closed";
	} else if (found == 0 && packet.direction == RULE_INGRESS && ruleset_published(&view.set, packet.protocol, 0, packet.port) == NULL) {
		verdict.reason = "not-published";
	} else if (found == 0) {
		verdict = end_decide(&view, &packet);
	}
	view_free(&view);
	if (found == -1)
		request_fail_error(request, &err);
	else
		request_answer(request, 200, json_pack("{s:s, s:s, s:o?}", "action", rule_action_name(verdict.action), "reason", verdict.reason,
						       "rule", verdict.rule));
}

static void named(const struct message *answer, const struct error *err, void *data)
{
	struct request *request = data;
	struct error why = ERROR_INIT;
	cleanup_json json_t *counts = err != NULL ? NULL : json_read_fd(answer->fd, COUNTS_MAX, &why);

	if (counts == NULL)
		request_fail_host(request, err != NULL ? err : &why);
	else
		packet_test(request, counts);
}

/* What names have led to, the engine knows. */
void containers_firewall_test(struct request *request)
{
	struct error err = ERROR_INIT;
	struct view view;
	bool names = false;

	if (view_open(request, &view) == -1)
		return;
	for (size_t i = 0; i < view.set.rule_count; i++)
		names = names || view.set.rules[i].name_count > 0;
	view_free(&view);
	if (!names)
		packet_test(request, NULL);
	else if (counts_ask(request, named, &err) == -1)
		request_fail_host(request, &err);
}
