/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/rule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"

enum { WORD_TEXT = 16, TIME_ROOM = 32, PORTS_TEXT = 16 };

static const char *const directions[] = { [RULE_EGRESS] = "egress", [RULE_INGRESS] = "ingress", [RULE_DIRECTIONS] = NULL };
static const char *const actions[] = {
	[RULE_ALLOW] = "allow", [RULE_DENY] = "deny", [RULE_REJECT] = "reject", [RULE_LOG] = "log", [RULE_ACTIONS] = NULL,
};
static const char *const protocols[] = {
	[RULE_ANY] = "any", [RULE_TCP] = "tcp", [RULE_UDP] = "udp", [RULE_ICMP] = "icmp", [RULE_ICMPV6] = "icmpv6",
	[RULE_PROTOCOLS] = NULL,
};
static const char *const peer_keys[] = { [PEER_CONTAINER] = "containers", [PEER_PROJECT] = "projects", [PEER_ADDRESS_SET] = "address_sets" };
static const uint8_t numbers[RULE_PROTOCOLS] = {
	[RULE_TCP] = IPPROTO_TCP, [RULE_UDP] = IPPROTO_UDP, [RULE_ICMP] = IPPROTO_ICMP, [RULE_ICMPV6] = IPPROTO_ICMPV6,
};

const char *rule_direction_name(enum rule_direction direction)
{
	return direction < RULE_DIRECTIONS ? directions[direction] : NULL;
}

const char *rule_action_name(enum rule_action action)
{
	return action < RULE_ACTIONS ? actions[action] : NULL;
}

const char *rule_protocol_name(enum rule_protocol protocol)
{
	return protocol < RULE_PROTOCOLS ? protocols[protocol] : NULL;
}

uint8_t rule_protocol_number(enum rule_protocol protocol)
{
	return numbers[protocol];
}

const char *rule_peer_key(enum rule_peer_kind kind)
{
	return peer_keys[kind];
}

static int word_find(const char *const *words, const char *word)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

int rule_direction_find(const char *name)
{
	return word_find(directions, name);
}

int rule_protocol_find(const char *name)
{
	return word_find(protocols, name);
}

/* path.key, for err->field. */
static void field_name(char *out, size_t room, const char *path, const char *key)
{
	snprintf(out, room, "%s.%s", path, key);
}

static int word_read(const char *path, const char *key, const char *const *words, const char *word, int *ret_index, struct error *err)
{
	char field[96];

	*ret_index = word_find(words, word);
	if (*ret_index != -1)
		return 0;
	field_name(field, sizeof field, path, key);
	return error_field(err, field, "%s is not %s, %s, ...: %.32s", field, words[0], words[1], word);
}

/* One that another one holds says nothing. */
static void address_add(struct rule *rule, const struct cidr *cidr)
{
	size_t kept = 0;

	for (size_t i = 0; i < rule->address_count; i++)
		if (cidr_holds(&rule->addresses[i], cidr))
			return;
	for (size_t i = 0; i < rule->address_count; i++)
		if (!cidr_holds(cidr, &rule->addresses[i]))
			rule->addresses[kept++] = rule->addresses[i];
	rule->addresses[kept] = *cidr;
	rule->address_count = kept + 1;
}

static int addresses_read(json_t *list, const char *path, struct rule *rule, struct error *err)
{
	char field[96], text[64];
	struct error why = ERROR_INIT;
	struct cidr cidr;

	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(field, sizeof field, "%s.addresses[%zu]", path, i);
		if (json_read_string(json_array_get(list, i), field, 1, sizeof text - 1, text, err) == -1)
			return -1;
		if (cidr_parse(text, &cidr, &why) == -1)
			return error_field(err, field, "%s: %s", field, why.message);
		address_add(rule, &cidr);
	}
	return 0;
}

/* Ids of list, each once. */
static int peers_read(json_t *list, const char *path, enum rule_peer_kind kind, struct rule *rule, struct error *err)
{
	char field[96];

	for (size_t i = 0; i < json_array_size(list); i++) {
		struct rule_peer peer = { .kind = kind };
		bool known = false;
		snprintf(field, sizeof field, "%s.%s[%zu]", path, peer_keys[kind], i);
		if (json_read_string(json_array_get(list, i), field, 1, ID_TEXT - 1, peer.id, err) == -1)
			return -1;
		if (!id_valid(peer.id))
			return error_field(err, field, "%s is not an id of 24 hex digits", field);
		for (size_t k = 0; !known && k < rule->peer_count; k++)
			known = strcmp(rule->peers[k].id, peer.id) == 0;
		if (!known && rule->peer_count == RULE_PEERS_MAX)
			return error_field(err, field, "%s is one too many: containers, projects and address sets of a rule are at most %d", field, RULE_PEERS_MAX);
		if (!known)
			rule->peers[rule->peer_count++] = peer;
	}
	return 0;
}

static int names_read(json_t *list, const char *path, struct rule *rule, struct error *err)
{
	char field[96], text[DOMAIN_TEXT + 1];
	struct error why = ERROR_INIT;

	if (json_array_size(list) == 0)
		return 0;
	field_name(field, sizeof field, path, "names");
	if (rule->direction != RULE_EGRESS || (rule->action != RULE_ALLOW && rule->action != RULE_LOG))
		return error_field(err, field, "%s: what a name leads to is known once a container has asked for it, so it can be allowed, egress, and not denied", field);
	rule->names = calloc(json_array_size(list), sizeof *rule->names);
	if (rule->names == NULL)
		return error_set(err, ENOMEM, "no memory for a rule");
	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(field, sizeof field, "%s.names[%zu]", path, i);
		if (json_read_string(json_array_get(list, i), field, 1, sizeof text - 1, text, err) == -1)
			return -1;
		if (domain_pattern(text, rule->names[rule->name_count], &why) == -1)
			return error_field(err, field, "%s: %s", field, why.message);
		bool known = false;
		for (size_t k = 0; !known && k < rule->name_count; k++)
			known = strcmp(rule->names[k], rule->names[rule->name_count]) == 0;
		rule->name_count += !known;
	}
	return 0;
}

static int ports_compare(const void *a, const void *b)
{
	const struct port_range *one = a, *two = b;

	return one->first < two->first ? -1 : one->first > two->first;
}

static void ports_merge(struct rule *rule)
{
	size_t kept = 0;

	qsort(rule->ports, rule->port_count, sizeof rule->ports[0], ports_compare);
	for (size_t i = 0; i < rule->port_count; i++) {
		struct port_range *last = kept > 0 ? &rule->ports[kept - 1] : NULL;
		if (last == NULL || rule->ports[i].first > last->last + 1)
			rule->ports[kept++] = rule->ports[i];
		else if (rule->ports[i].last > last->last)
			last->last = rule->ports[i].last;
	}
	rule->port_count = kept;
}

/* "80", "8000-8100". */
static bool ports_parse(const char *text, struct port_range *ret_range)
{
	unsigned first, last;
	char end;
	int got = sscanf(text, "%5u-%5u%c", &first, &last, &end);

	if (strspn(text, "0123456789-") != strlen(text) || (got != 1 && got != 2))
		return false;
	if (got == 1 && strchr(text, '-') != NULL)
		return false;
	last = got == 1 ? first : last;
	*ret_range = (struct port_range){ .first = (uint16_t)first, .last = (uint16_t)last };
	return text[0] != '-' && first >= 1 && first <= last && last <= 65535;
}

static int ports_read(json_t *list, const char *path, struct rule *rule, struct error *err)
{
	char field[96], text[PORTS_TEXT];

	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(field, sizeof field, "%s.ports[%zu]", path, i);
		if (json_read_string(json_array_get(list, i), field, 1, sizeof text - 1, text, err) == -1)
			return -1;
		if (!ports_parse(text, &rule->ports[rule->port_count++]))
			return error_field(err, field, "%s is not a port of 1 to 65535, or a range such as 8000-8100: %s", field, text);
	}
	ports_merge(rule);
	field_name(field, sizeof field, path, "ports");
	if (rule->port_count > 0 && rule->protocol != RULE_TCP && rule->protocol != RULE_UDP)
		return error_field(err, field, "%s: only tcp and udp have ports; name one as protocol", field);
	return 0;
}

static int id_read(const char *path, struct rule *rule, struct error *err)
{
	char field[96];

	if (rule->id[0] == '\0')
		id_generate(rule->id);
	if (id_valid(rule->id))
		return 0;
	field_name(field, sizeof field, path, "id");
	return error_field(err, field, "%s is not 24 hex digits; leave it out to get one", field);
}

/* An address of the one family says nothing of the other's ICMP. */
static int families_check(const char *path, const struct rule *rule, struct error *err)
{
	uint8_t family = rule->protocol == RULE_ICMP ? AF_INET : rule->protocol == RULE_ICMPV6 ? AF_INET6 : 0;
	char field[96];

	for (size_t i = 0; family != 0 && i < rule->address_count; i++)
		if (rule->addresses[i].family != family) {
			field_name(field, sizeof field, path, "addresses");
			return error_field(err, field, "%s: %s has no such addresses", field, protocols[rule->protocol]);
		}
	return 0;
}

int rule_read(json_t *object, const char *path, struct rule *ret_rule, struct error *err)
{
	char direction[WORD_TEXT] = "", action[WORD_TEXT] = "", protocol[WORD_TEXT] = "any", expires[TIME_ROOM] = "";
	json_t *addresses = NULL, *ports = NULL, *names = NULL, *peers[PEER_KINDS] = { NULL };
	int d, a, p;
	struct rule rule = { .priority = RULE_PRIORITY_DEFAULT, .enabled = true };
	const struct json_field fields[] = {
		{ "id", JSON_KIND_STRING, false, 1, ID_TEXT - 1, rule.id, NULL },
		{ "direction", JSON_KIND_STRING, true, 1, sizeof direction - 1, direction, NULL },
		{ "action", JSON_KIND_STRING, true, 1, sizeof action - 1, action, NULL },
		{ "protocol", JSON_KIND_STRING, false, 1, sizeof protocol - 1, protocol, NULL },
		{ "addresses", JSON_KIND_ARRAY, false, 0, RULE_ADDRESSES_MAX, &addresses, NULL },
		{ peer_keys[PEER_CONTAINER], JSON_KIND_ARRAY, false, 0, RULE_PEERS_MAX, &peers[PEER_CONTAINER], NULL },
		{ peer_keys[PEER_PROJECT], JSON_KIND_ARRAY, false, 0, RULE_PEERS_MAX, &peers[PEER_PROJECT], NULL },
		{ peer_keys[PEER_ADDRESS_SET], JSON_KIND_ARRAY, false, 0, RULE_PEERS_MAX, &peers[PEER_ADDRESS_SET], NULL },
		{ "names", JSON_KIND_ARRAY, false, 0, RULE_NAMES_MAX, &names, NULL },
		{ "ports", JSON_KIND_ARRAY, false, 0, RULE_PORTS_MAX, &ports, NULL },
		{ "priority", JSON_KIND_INTEGER, false, 0, RULE_PRIORITY_MAX, &rule.priority, NULL },
		{ "comment", JSON_KIND_STRING, false, 0, RULE_COMMENT_MAX, rule.comment, NULL },
		{ "enabled", JSON_KIND_BOOLEAN, false, 0, 0, &rule.enabled, NULL },
		{ "expires_at", JSON_KIND_STRING, false, 0, sizeof expires - 1, expires, NULL },
	};

	if (json_read(object, path, fields, sizeof fields / sizeof fields[0], err) == -1 ||
	    word_read(path, "direction", directions, direction, &d, err) == -1 ||
	    word_read(path, "action", actions, action, &a, err) == -1 ||
	    word_read(path, "protocol", protocols, protocol, &p, err) == -1)
		return -1;
	rule.direction = (enum rule_direction)d;
	rule.action = (enum rule_action)a;
	rule.protocol = (enum rule_protocol)p;
	if (id_read(path, &rule, err) == -1 || addresses_read(addresses, path, &rule, err) == -1 || ports_read(ports, path, &rule, err) == -1)
		return -1;
	for (enum rule_peer_kind kind = 0; kind < PEER_KINDS; kind++)
		if (peers_read(peers[kind], path, kind, &rule, err) == -1)
			return -1;
	char field[96];
	field_name(field, sizeof field, path, "expires_at");
	if (families_check(path, &rule, err) == -1 || json_time(expires, field, &rule.expires_ms, err) == -1 || names_read(names, path, &rule, err) == -1) {
		rule_free(&rule);
		return -1;
	}
	*ret_rule = rule;
	return 0;
}

void rule_free(struct rule *rule)
{
	free(rule->names);
	rule->names = NULL;
	rule->name_count = 0;
}

static json_t *expiry_json(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char text[TIME_ROOM];
	struct tm tm;

	if (ms == 0 || gmtime_r(&seconds, &tm) == NULL)
		return NULL;
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *peers_json(const struct rule *rule, enum rule_peer_kind kind)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rule->peer_count; i++)
		if (rule->peers[i].kind == kind)
			json_array_append_new(list, json_string(rule->peers[i].id));
	return list;
}

json_t *rule_json(const struct rule *rule)
{
	json_t *addresses = json_array(), *ports = json_array();
	char text[CIDR_TEXT];

	for (size_t i = 0; i < rule->address_count; i++) {
		cidr_format(&rule->addresses[i], text);
		json_array_append_new(addresses, json_string(text));
	}
	for (size_t i = 0; i < rule->port_count; i++) {
		const struct port_range *range = &rule->ports[i];
		snprintf(text, sizeof text, range->first == range->last ? "%u" : "%u-%u", range->first, range->last);
		json_array_append_new(ports, json_string(text));
	}
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:s, s:b}", "id", rule->id, "direction",
				   directions[rule->direction], "action", actions[rule->action], "protocol", protocols[rule->protocol],
				   "addresses", addresses, "ports", ports, "priority", (json_int_t)rule->priority, "comment", rule->comment,
				   "enabled", (int)rule->enabled);
	json_t *names = json_array();
	for (size_t i = 0; i < rule->name_count; i++)
		json_array_append_new(names, json_string(rule->names[i]));
	json_object_set_new(object, "names", names);
	for (enum rule_peer_kind kind = 0; kind < PEER_KINDS; kind++)
		json_object_set_new(object, peer_keys[kind], peers_json(rule, kind));
	json_t *expires = expiry_json(rule->expires_ms);
	if (expires != NULL)
		json_object_set_new(object, "expires_at", expires);
	return object;
}

static bool is_peer(const struct rule_packet *packet, const struct rule_peer *peer)
{
	if (peer->kind == PEER_ADDRESS_SET)
		return packet->set_holds != NULL && packet->set_holds(peer->id, &packet->far, packet->data);
	return packet->peer != NULL && strcmp(peer->kind == PEER_PROJECT ? packet->peer->project : packet->peer->container, peer->id) == 0;
}

bool rule_names(const struct rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->name_count; i++)
		if (domain_matches(rule->names[i], name))
			return true;
	return false;
}

bool rule_matches(const struct rule *rule, const struct rule_packet *packet)
{
	bool found = rule->address_count == 0 && rule->peer_count == 0 && rule->name_count == 0;

	if (rule->direction != packet->direction || (rule->protocol != RULE_ANY && numbers[rule->protocol] != packet->protocol))
		return false;
	for (size_t i = 0; !found && i < rule->address_count; i++)
		found = cidr_holds(&rule->addresses[i], &packet->far);
	for (size_t i = 0; !found && i < rule->peer_count; i++)
		found = is_peer(packet, &rule->peers[i]);
	for (size_t i = 0; !found && packet->name_holds != NULL && i < rule->name_count; i++)
		found = packet->name_holds(rule->names[i], &packet->far, packet->data);
	if (!found || rule->port_count == 0)
		return found;
	for (size_t i = 0; i < rule->port_count; i++)
		if (packet->port >= rule->ports[i].first && packet->port <= rule->ports[i].last)
			return true;
	return false;
}
