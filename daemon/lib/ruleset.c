/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

int published_read(json_t *object, const char *path, struct published *ret_port, struct error *err)
{
	char protocol[8] = "tcp", field[96];
	int64_t host_port = 0, port = 0;
	const struct json_field fields[] = {
		{ "protocol", JSON_KIND_STRING, false, 1, sizeof protocol - 1, protocol, NULL },
		{ "host_port", JSON_KIND_INTEGER, true, 1, 65535, &host_port, NULL },
		{ "port", JSON_KIND_INTEGER, true, 1, 65535, &port, NULL },
	};

	if (json_read(object, path, fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	bool udp = strcmp(protocol, "udp") == 0;
	if (!udp && strcmp(protocol, "tcp") != 0) {
		snprintf(field, sizeof field, "%s.protocol", path);
		return error_field(err, field, "%s is not tcp or udp", field);
	}
	*ret_port = (struct published){ .protocol = udp ? RULE_UDP : RULE_TCP, .host_port = (uint16_t)host_port, .port = (uint16_t)port };
	return 0;
}

json_t *published_json(const struct published *port)
{
	return json_pack("{s:s, s:i, s:i}", "protocol", rule_protocol_name(port->protocol), "host_port", (int)port->host_port, "port",
			 (int)port->port);
}

static int rules_read(json_t *list, struct ruleset *set, struct error *err)
{
	char path[32];

	set->rules = calloc(json_array_size(list) + 1, sizeof *set->rules);
	if (set->rules == NULL)
		return error_set(err, ENOMEM, "no memory for the rules of a container");
	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(path, sizeof path, "rules[%zu]", i);
		if (rule_read(json_array_get(list, i), path, &set->rules[i], err) == -1)
			return -1;
		set->rule_count++;
	}
	return 0;
}

int ruleset_read(json_t *object, struct ruleset *ret_set, struct error *err)
{
	json_t *rules = NULL, *ports = NULL, *limits = NULL;
	struct ruleset set = { 0 };
	char path[32];
	const struct json_field fields[] = {
		{ "egress_open", JSON_KIND_BOOLEAN, true, 0, 0, &set.egress_open, NULL },
		{ "internal_open", JSON_KIND_BOOLEAN, false, 0, 0, &set.internal_open, NULL },
		{ "limits", JSON_KIND_OBJECT, false, 0, 0, &limits, NULL },
		{ "rules", JSON_KIND_ARRAY, true, 0, RULESET_RULES_MAX, &rules, NULL },
		{ "ports", JSON_KIND_ARRAY, true, 0, RULESET_PORTS_MAX, &ports, NULL },
	};

	int result = json_read(object, "", fields, sizeof fields / sizeof fields[0], err);
	if (result == 0 && limits != NULL)
		result = traffic_read(limits, "limits", &set.traffic, err);
	if (result == 0)
		result = rules_read(rules, &set, err);
	for (; result == 0 && set.port_count < json_array_size(ports); set.port_count++) {
		snprintf(path, sizeof path, "ports[%zu]", set.port_count);
		result = published_read(json_array_get(ports, set.port_count), path, &set.ports[set.port_count], err);
	}
	if (result == -1)
		ruleset_free(&set);
	*ret_set = set;
	return result;
}

json_t *ruleset_json(const struct ruleset *set)
{
	json_t *rules = json_array(), *ports = json_array();

	for (size_t i = 0; i < set->rule_count; i++)
		json_array_append_new(rules, rule_json(&set->rules[i]));
	for (size_t i = 0; i < set->port_count; i++)
		json_array_append_new(ports, published_json(&set->ports[i]));
	return json_pack("{s:b, s:b, s:o, s:o, s:o}", "egress_open", (int)set->egress_open, "internal_open", (int)set->internal_open, "limits",
			 traffic_json(&set->traffic), "rules", rules, "ports", ports);
}

void ruleset_free(struct ruleset *set)
{
	for (size_t i = 0; i < set->rule_count; i++)
		rule_free(&set->rules[i]);
	free(set->rules);
	*set = (struct ruleset){ 0 };
}

bool ruleset_closed(const struct cidr *address)
{
	char list[] = RULESET_CLOSED4 ", " RULESET_CLOSED6, *next = list, *word;
	struct error ignored = ERROR_INIT;
	struct cidr network;

	while ((word = strsep(&next, ", ")) != NULL)
		if (*word != '\0' && cidr_parse(word, &network, &ignored) == 0 && cidr_holds(&network, address))
			return true;
	return false;
}

enum rule_action ruleset_decide(const struct ruleset *set, const struct rule_packet *packet, const struct rule **ret_rule)
{
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct rule *rule = &set->rules[i];
		if (rule->action != RULE_LOG && rule_matches(rule, packet)) {
			*ret_rule = rule;
			return rule->action;
		}
	}
	*ret_rule = NULL;
	bool open = packet->direction == RULE_EGRESS ? set->egress_open : packet->peer == NULL || set->internal_open;
	return open ? RULE_ALLOW : RULE_DENY;
}

const struct published *ruleset_published(const struct ruleset *set, uint8_t protocol, uint16_t host_port, uint16_t port)
{
	for (size_t i = 0; i < set->port_count; i++) {
		const struct published *published = &set->ports[i];
		if (rule_protocol_number(published->protocol) == protocol && (host_port == 0 || published->host_port == host_port) &&
		    published->port == port)
			return published;
	}
	return NULL;
}
