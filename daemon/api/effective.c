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
	if (found == -1 || document_effective(request->api->store, request->id, time_now_ms(), &view->set, &view->origins, &view->mode, NULL,
					      &err) == -1) {
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

static json_t *counts_read(int fd)
{
	cleanup_free char *text = malloc(COUNTS_MAX);
	ssize_t size = text == NULL ? -1 : pread(fd, text, COUNTS_MAX, 0);

	return size <= 0 ? NULL : json_loadb(text, (size_t)size, 0, NULL);
}

static void counted(const struct message *answer, const struct error *err, void *data)
{
	struct request *request = data;
	struct view view;

	if (view_open(request, &view) == -1)
		return;
	/* Without the engine, or before it has counted: no figures, but the rules all the same. */
	cleanup_json json_t *counts = err != NULL || answer->fd == -1 ? NULL : counts_read(answer->fd);
	json_t *rules = json_array(), *ports = json_array();
	for (size_t i = 0; i < view.set.rule_count; i++) {
		json_t *rule = rule_shown(&view, i), *count = json_object_get(counts, view.set.rules[i].id);
		json_object_set_new(rule, "packets", count == NULL ? json_null() : json_incref(json_array_get(count, 0)));
		json_object_set_new(rule, "bytes", count == NULL ? json_null() : json_incref(json_array_get(count, 1)));
		json_array_append_new(rules, rule);
	}
	for (size_t i = 0; i < view.set.port_count; i++)
		json_array_append_new(ports, published_json(&view.set.ports[i]));
	request_answer(request, 200, json_pack("{s:s, s:o, s:o}", "egress", document_egress_name(view.mode), "rules", rules, "ports", ports));
	view_free(&view);
}

void containers_firewall_effective(struct request *request)
{
	struct container_id_message message = { 0 };
	struct error err = ERROR_INIT;
	int found = container_visible(request, &err);

	memcpy(message.id, request->id, sizeof message.id - 1);
	if (found == 0)
		request_fail_missing(request, "container", NULL);
	else if (found == -1)
		request_fail_error(request, &err);
	else if (peer_ask(request->api->engine, MESSAGE_RULES_COUNT, &message, sizeof message, -1, COUNT_MS, counted, request, &err) == -1)
		request_fail_host(request, &err);
}

/* -- one packet -- */

static int word_find(const char *word, const char *(*name)(unsigned int index), unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (strcmp(name(i), word) == 0)
			return (int)i;
	return -1;
}

static const char *direction_at(unsigned int index)
{
	return rule_direction_name((enum rule_direction)index);
}

static const char *protocol_at(unsigned int index)
{
	return rule_protocol_name((enum rule_protocol)index);
}

/* From the query; 0, or -1: answered. */
static int packet_read(struct request *request, struct rule_packet *packet)
{
	static const uint8_t numbers[] = { [RULE_TCP] = IPPROTO_TCP, [RULE_UDP] = IPPROTO_UDP, [RULE_ICMP] = IPPROTO_ICMP,
					   [RULE_ICMPV6] = IPPROTO_ICMPV6 };
	const char *direction = request_query(request, "direction"), *protocol = request_query(request, "protocol");
	const char *address = request_query(request, "address");
	struct error err = ERROR_INIT, why = ERROR_INIT;
	int64_t port;

	if (request_query_number(request, "port", 0, 1, 65535, &port) == -1)
		return -1;
	int d = direction == NULL ? -1 : word_find(direction, direction_at, RULE_DIRECTIONS);
	int p = protocol == NULL ? -1 : word_find(protocol, protocol_at, RULE_PROTOCOLS);
	bool has_port = p == RULE_TCP || p == RULE_UDP;
	if (d == -1)
		error_field(&err, "direction", "direction is not egress or ingress");
	else if (p <= RULE_ANY)
		error_field(&err, "protocol", "protocol is not tcp, udp, icmp or icmpv6");
	else if (address == NULL || cidr_parse(address, &packet->far, &why) == -1)
		error_field(&err, "address", "address: %s", address == NULL ? "it is missing" : why.message);
	else if (packet->far.prefix != (packet->far.family == AF_INET ? 32 : 128))
		error_field(&err, "address", "address is a network, not one address");
	else if (has_port != (port != 0))
		error_field(&err, "port", has_port ? "port is missing: %s has one" : "port: %s has none", protocol);
	else if ((p == RULE_ICMP && packet->far.family != AF_INET) || (p == RULE_ICMPV6 && packet->far.family != AF_INET6))
		error_field(&err, "address", "address: %s has no such addresses", protocol);
	if (err.code != 0) {
		request_fail_error(request, &err);
		return -1;
	}
	packet->direction = (enum rule_direction)d;
	packet->protocol = numbers[p];
	packet->port = (uint16_t)port;
	return 0;
}

static bool is_published(const struct ruleset *set, const struct rule_packet *packet)
{
	for (size_t i = 0; i < set->port_count; i++)
		if (set->ports[i].port == packet->port && (set->ports[i].protocol == RULE_UDP ? IPPROTO_UDP : IPPROTO_TCP) == packet->protocol)
			return true;
	return false;
}

static bool in_pool(const struct api *api, const struct cidr *far)
{
	struct cidr pool = { .family = AF_INET, .prefix = api->cfg.container_pool.prefix };

	memcpy(pool.bytes, &api->cfg.container_pool.v4, sizeof api->cfg.container_pool.v4);
	return cidr_holds(&pool, far);
}

void containers_firewall_test(struct request *request)
{
	struct rule_packet packet = { 0 };
	const struct rule *rule = NULL;
	enum rule_action action = RULE_DENY;
	const char *reason;
	struct view view;

	if (packet_read(request, &packet) == -1 || view_open(request, &view) == -1)
		return;
	if (ruleset_closed(&packet.far) || in_pool(request->api, &packet.far)) {
		reason = "closed";
	} else if (packet.direction == RULE_INGRESS && !is_published(&view.set, &packet)) {
		reason = "not-published";
	} else {
		action = ruleset_decide(&view.set, &packet, &rule);
		reason = rule != NULL ? "rule" : packet.direction == RULE_EGRESS ? "egress" : "published";
	}
	json_t *shown = rule == NULL ? json_null() : rule_shown(&view, (size_t)(rule - view.set.rules));
	request_answer(request, 200, json_pack("{s:s, s:s, s:o}", "action", rule_action_name(action), "reason", reason, "rule", shown));
	view_free(&view);
}
