/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/commands.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/engine/nameset.h"
#include "daemon/engine/netset.h"
#include "daemon/lib/ruleset.h"

enum { LOG_RATE = 10 /* lines a second, of one rule */ };

/* One value alone needs no set, which the kernel would have to make, fill and keep for each rule. */
static void list_begin(FILE *out, size_t count)
{
	fputs(count == 1 ? "" : "{ ", out);
}

static void list_end(FILE *out, size_t count)
{
	fputs(count == 1 ? " " : " } ", out);
}

static void ports_print(FILE *out, const struct rule *rule)
{
	if (rule->port_count == 0) {
		fprintf(out, "meta l4proto %s ", rule_protocol_name(rule->protocol));
		return;
	}
	fprintf(out, "%s dport ", rule_protocol_name(rule->protocol));
	list_begin(out, rule->port_count);
	for (size_t i = 0; i < rule->port_count; i++) {
		const struct port_range *range = &rule->ports[i];
		fprintf(out, range->first == range->last ? "%s%u" : "%s%u-%u", i == 0 ? "" : ", ", range->first, range->last);
	}
	list_end(out, rule->port_count);
}

static void protocol_print(FILE *out, const struct rule *rule)
{
	switch (rule->protocol) {
	case RULE_TCP:
	case RULE_UDP: ports_print(out, rule); break;
	case RULE_ICMP: fputs("meta l4proto icmp ", out); break;
	case RULE_ICMPV6: fputs("meta l4proto ipv6-icmp ", out); break;
	case RULE_ANY:
	case RULE_PROTOCOLS: break;
	}
}

static void action_print(FILE *out, const struct rule *rule)
{
	static const char *const actions[] = { [RULE_ALLOW] = "accept", [RULE_DENY] = "drop",
					       [RULE_REJECT] = "reject with icmpx type admin-prohibited" };

	fprintf(out, "counter name \"r_%s\" ", rule->id);
	if (rule->action == RULE_LOG)
		fprintf(out, "limit rate %d/second log prefix \"bulkhead rule %s: \"\n", LOG_RATE, rule->id);
	else
		fprintf(out, "%s\n", actions[rule->action]);
}

/* Whether a packet of the family can be of the rule's protocol. */
static bool has_family(const struct rule *rule, uint8_t family)
{
	return rule->protocol != (family == AF_INET ? RULE_ICMPV6 : RULE_ICMP);
}

static void set_print(FILE *out, const struct rule *rule, const char *chain, const char *id, uint8_t family)
{
	char name[NETSET_NAME];

	if (!has_family(rule, family) || !netset_name(id, family, name))
		return;
	fprintf(out, "add rule " COMMANDS_TABLE "%s %s %s @%s ", chain, family == AF_INET ? "ip" : "ip6",
		rule->direction == RULE_EGRESS ? "daddr" : "saddr", name);
	protocol_print(out, rule);
	action_print(out, rule);
}

static void name_print(FILE *out, const struct rule *rule, const char *chain, const char *pattern, uint8_t family)
{
	char name[NAMESET_NAME];

	if (!has_family(rule, family))
		return;
	nameset_name(pattern, family, name);
	fprintf(out, "add rule " COMMANDS_TABLE "%s %s daddr @%s ", chain, family == AF_INET ? "ip" : "ip6", name);
	protocol_print(out, rule);
	action_print(out, rule);
}

/* What has matched is known by its mark's group; the mark itself is of no more use in a chain of rules. */
static void peer_print(FILE *out, const struct rule *rule, const char *chain, uint32_t group)
{
	fprintf(out, "add rule " COMMANDS_TABLE "%s meta mark set 0x%08x meta mark . %s @members ", chain, group,
		rule->direction == RULE_EGRESS ? "oifname" : "iifname");
	protocol_print(out, rule);
	action_print(out, rule);
}

static size_t family_count(const struct rule *rule, uint8_t family)
{
	size_t count = 0;

	for (size_t i = 0; i < rule->address_count; i++)
		count += rule->addresses[i].family == family;
	return count;
}

/* One command for a family's addresses; family 0: the rule has none. */
static void rule_print(FILE *out, const struct rule *rule, const char *chain, uint8_t family)
{
	const char *far = rule->direction == RULE_EGRESS ? "daddr" : "saddr";
	const char *separator = "";
	size_t count = family_count(rule, family);
	char text[CIDR_TEXT];

	fprintf(out, "add rule " COMMANDS_TABLE "%s ", chain);
	if (family != 0) {
		fprintf(out, "%s %s ", family == AF_INET ? "ip" : "ip6", far);
		list_begin(out, count);
	}
	for (size_t i = 0; family != 0 && i < rule->address_count; i++) {
		if (rule->addresses[i].family != family)
			continue;
		cidr_format(&rule->addresses[i], text);
		fprintf(out, "%s%s", separator, text);
		separator = ", ";
	}
	if (family != 0)
		list_end(out, count);
	protocol_print(out, rule);
	action_print(out, rule);
}

/* An element that counts connections is made by the packet: one that is empty the kernel removes. */
static void connections_print(FILE *out, const char *name, const char *chain, enum rule_direction direction, uint64_t limit)
{
	fprintf(out, "add rule " COMMANDS_TABLE "%s add @f_%s { %s ct count over %" PRIu64 " } counter name \"f_%s\" drop\n", chain, name,
		direction == RULE_EGRESS ? "iifname" : "oifname", limit, name);
}

/* Adding what is there does nothing, so this may meet what an earlier engine has left. */
char *commands_of_class(const struct ruleset *set, const char *name, const uint32_t *groups)
{
	char *text = NULL, chains[RULE_DIRECTIONS][32];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	snprintf(chains[RULE_EGRESS], sizeof chains[0], "e_%.20s", name);
	snprintf(chains[RULE_INGRESS], sizeof chains[0], "i_%.20s", name);
	for (size_t i = 0; i < RULE_DIRECTIONS; i++)
		fprintf(out, "add chain " COMMANDS_TABLE "%s\nflush chain " COMMANDS_TABLE "%s\n", chains[i], chains[i]);
	uint64_t connections = set->traffic.limits[TRAFFIC_CONNECTIONS];
	if (connections != 0) {
		fprintf(out, "add set " COMMANDS_TABLE "f_%s { type ifname; size 65536; flags dynamic; }\nadd counter " COMMANDS_TABLE "f_%s\n", name,
			name);
		for (enum rule_direction i = 0; i < RULE_DIRECTIONS; i++)
			connections_print(out, name, chains[i], i, connections);
	}
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct rule *rule = &set->rules[i];
		fprintf(out, "add counter " COMMANDS_TABLE "r_%s\n", rule->id);
		if (rule->address_count == 0 && rule->peer_count == 0 && rule->name_count == 0)
			rule_print(out, rule, chains[rule->direction], 0);
		if (family_count(rule, AF_INET) > 0)
			rule_print(out, rule, chains[rule->direction], AF_INET);
		if (family_count(rule, AF_INET6) > 0)
			rule_print(out, rule, chains[rule->direction], AF_INET6);
		for (size_t k = 0; k < rule->peer_count; k++) {
			if (rule->peers[k].kind != PEER_ADDRESS_SET) {
				peer_print(out, rule, chains[rule->direction], *groups++);
				continue;
			}
			set_print(out, rule, chains[rule->direction], rule->peers[k].id, AF_INET);
			set_print(out, rule, chains[rule->direction], rule->peers[k].id, AF_INET6);
		}
		for (size_t k = 0; k < rule->name_count; k++) {
			nameset_make(out, rule->names[k]);
			name_print(out, rule, chains[rule->direction], rule->names[k], AF_INET);
			name_print(out, rule, chains[rule->direction], rule->names[k], AF_INET6);
		}
	}
	fprintf(out, "add rule " COMMANDS_TABLE "%s %s\n", chains[RULE_EGRESS], set->egress_open ? "accept" : "drop");
	if (!set->internal_open)
		fprintf(out, "add rule " COMMANDS_TABLE "%s iifname \"h*\" drop\n", chains[RULE_INGRESS]);
	fprintf(out, "add rule " COMMANDS_TABLE "%s accept\n", chains[RULE_INGRESS]);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
