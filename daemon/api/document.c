/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/json.h"

enum { HOST_PORT_MIN = 1024 };

static const char *const modes[] = { [EGRESS_OPEN] = "open", [EGRESS_ALLOW_LIST] = "allow-list", [EGRESS_NONE] = "none" };
static const char *const scopes[] = { [DOCUMENT_REALM] = "realm", [DOCUMENT_PROJECT] = "project", [DOCUMENT_CONTAINER] = "container" };

const char *document_egress_name(enum egress_mode mode)
{
	return modes[mode];
}

const char *document_scope_name(enum document_scope scope)
{
	return scopes[scope];
}

static const char *const internals[] = { [false] = "closed", [true] = "open" };

const char *document_internal_name(bool open)
{
	return internals[open];
}

/* -1: none is called so. */
static int mode_find(const char *name)
{
	for (int i = 0; i <= EGRESS_NONE; i++)
		if (strcmp(modes[i], name) == 0)
			return i;
	return -1;
}

static json_t *rules_read(json_t *list, struct error *err)
{
	json_t *rules = json_array();
	char path[32];

	for (size_t i = 0; i < json_array_size(list); i++) {
		struct rule rule;
		snprintf(path, sizeof path, "rules[%zu]", i);
		if (rule_read(json_array_get(list, i), path, &rule, err) == -1)
			goto fail;
		json_t *normal = rule_json(&rule);
		rule_free(&rule);
		for (size_t k = 0; k < i; k++)
			if (json_equal(json_object_get(json_array_get(rules, k), "id"), json_object_get(normal, "id"))) {
				error_field(err, path, "%s has the id of rules[%zu]", path, k);
				json_decref(normal);
				goto fail;
			}
		if (json_array_append_new(rules, normal) == -1) {
			error_set(err, ENOMEM, "no memory for rules");
			goto fail;
		}
	}
	return rules;
fail:
	json_decref(rules);
	return NULL;
}

static int port_check(const struct hostcfg *cfg, const struct published *port, const char *path, struct error *err)
{
	char field[48];

	snprintf(field, sizeof field, "%s.host_port", path);
	if (port->host_port < HOST_PORT_MIN)
		return error_field(err, field, "%s is below %d: those ports are the host's", field, HOST_PORT_MIN);
	if (port->host_port == cfg->admin_port || port->host_port == cfg->unlock_port)
		return error_field(err, field, "%s is a port of the host's own SSH", field);
	return 0;
}

static json_t *ports_read(const struct hostcfg *cfg, json_t *list, struct error *err)
{
	struct published seen[RULESET_PORTS_MAX];
	json_t *ports = json_array();
	char path[32];

	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(path, sizeof path, "ports[%zu]", i);
		if (published_read(json_array_get(list, i), path, &seen[i], err) == -1 || port_check(cfg, &seen[i], path, err) == -1)
			goto fail;
		for (size_t k = 0; k < i; k++)
			if (seen[k].protocol == seen[i].protocol && seen[k].host_port == seen[i].host_port) {
				error_field(err, path, "%s is the host's port of ports[%zu]", path, k);
				goto fail;
			}
		json_array_append_new(ports, published_json(&seen[i]));
	}
	return ports;
fail:
	json_decref(ports);
	return NULL;
}

json_t *document_read(const struct hostcfg *cfg, enum document_scope scope, json_t *body, struct error *err)
{
	char egress[16] = "", internal[16] = "";
	json_t *rules = NULL, *ports = NULL, *limits = NULL;
	struct traffic traffic = { 0 };
	const struct json_field fields[] = {
		{ "limits", JSON_KIND_OBJECT, false, 0, 0, &limits, NULL },
		{ "egress", JSON_KIND_STRING, false, 0, sizeof egress - 1, egress, NULL },
		{ "internal", JSON_KIND_STRING, false, 0, sizeof internal - 1, internal, NULL },
		{ "rules", JSON_KIND_ARRAY, false, 0, DOCUMENT_RULES_MAX, &rules, NULL },
		{ "ports", JSON_KIND_ARRAY, false, 0, scope == DOCUMENT_CONTAINER ? RULESET_PORTS_MAX : 0, &ports, NULL },
	};

	json_drop_null(body, "egress");
	json_drop_null(body, "internal");
	if (json_read(body, "", fields, sizeof fields / sizeof fields[0], err) == -1)
		return NULL;
	if (egress[0] != '\0' && mode_find(egress) == -1) {
		error_field(err, "egress", "egress is not open, allow-list or none");
		return NULL;
	}
	if (internal[0] != '\0' && scope != DOCUMENT_REALM) {
		error_field(err, "internal", "internal is the realm's to say; a rule may name containers and projects here");
		return NULL;
	}
	if (internal[0] != '\0' && strcmp(internal, internals[false]) != 0 && strcmp(internal, internals[true]) != 0) {
		error_field(err, "internal", "internal is not open or closed");
		return NULL;
	}
	if (limits != NULL && traffic_read(limits, "limits", &traffic, err) == -1)
		return NULL;
	json_t *normal_rules = rules_read(rules, err);
	json_t *normal_ports = normal_rules == NULL ? NULL : ports_read(cfg, ports, err);
	if (normal_ports == NULL) {
		json_decref(normal_rules);
		return NULL;
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "egress", json_text_or_null(egress), "internal", json_text_or_null(internal), "limits",
			 traffic_json(&traffic), "rules", normal_rules, "ports", normal_ports);
}

/* What was written before there was such a word. */
static void document_complete(json_t *document)
{
	static const struct traffic none;

	if (json_object_get(document, "internal") == NULL)
		json_object_set_new(document, "internal", json_null());
	if (json_object_get(document, "limits") == NULL)
		json_object_set_new(document, "limits", traffic_json(&none));
}

json_t *document_load(struct store *store, const char *id, int64_t *ret_version, struct error *err)
{
	cleanup_query sqlite3_stmt *row = store_query(store, err, "SELECT version, document FROM firewalls WHERE id = ?", "s", id);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step == -1)
		return NULL;
	*ret_version = step == 1 ? query_int(row, 0) : 0;
	json_t *document = step == 1 ? json_loads(query_text(row, 1), 0, NULL) : json_pack("{s:n, s:[], s:[]}", "egress", "rules", "ports");
	if (document == NULL)
		error_set(err, EIO, "the firewall of %s cannot be read", id);
	else
		document_complete(document);
	return document;
}

/* -- whom rules name -- */

static const struct {
	const char *noun, *known;
} peers[PEER_KINDS] = {
	[PEER_CONTAINER] = { "container", "SELECT 1 FROM containers c JOIN projects p ON p.id = c.project WHERE c.id = ? AND p.realm = ? AND c.deleted IS NULL" },
	[PEER_PROJECT] = { "project", "SELECT 1 FROM projects WHERE id = ? AND realm = ?" },
	[PEER_ADDRESS_SET] = { "address set", "SELECT 1 FROM address_sets WHERE id = ? AND realm = ?" },
};

static bool is_named(json_t *document, const char *key, const char *id)
{
	json_t *rules = json_object_get(document, "rules");

	for (size_t i = 0; i < json_array_size(rules); i++) {
		json_t *list = json_object_get(json_array_get(rules, i), key);
		for (size_t k = 0; k < json_array_size(list); k++)
			if (strcmp(json_string_value(json_array_get(list, k)), id) == 0)
				return true;
	}
	return false;
}

static int peer_list_check(struct store *store, const char *realm, json_t *list, size_t rule, enum rule_peer_kind kind, json_t *before, struct error *err)
{
	char field[64];
	int64_t known;

	for (size_t k = 0; k < json_array_size(list); k++) {
		const char *id = json_string_value(json_array_get(list, k));
		if (store_number(store, err, 0, &known, peers[kind].known, "ss", id, realm) == -1)
			return -1;
		if (known == 1 || is_named(before, rule_peer_key(kind), id))
			continue;
		snprintf(field, sizeof field, "rules[%zu].%s[%zu]", rule, rule_peer_key(kind), k);
		return error_field(err, field, "%s: the realm has no %s %s", field, peers[kind].noun, id);
	}
	return 0;
}

int document_peers_check(struct store *store, const char *realm, json_t *document, json_t *before, struct error *err)
{
	json_t *rules = json_object_get(document, "rules");

	for (size_t i = 0; i < json_array_size(rules); i++)
		for (enum rule_peer_kind kind = 0; kind < PEER_KINDS; kind++)
			if (peer_list_check(store, realm, json_object_get(json_array_get(rules, i), rule_peer_key(kind)), i, kind, before, err) == -1)
				return -1;
	return 0;
}

int document_groups(struct store *store, const char *container, struct rule_groups *ret_groups, struct error *err)
{
	cleanup_query sqlite3_stmt *row = store_query(store, err, "SELECT p.realm, p.id FROM containers c JOIN projects p ON p.id = c.project"
						      " WHERE c.id = ? AND c.deleted IS NULL", "s", container);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step != 1)
		return step;
	snprintf(ret_groups->realm, ID_TEXT, "%s", query_text(row, 0));
	snprintf(ret_groups->project, ID_TEXT, "%s", query_text(row, 1));
	snprintf(ret_groups->container, ID_TEXT, "%s", container);
	return 1;
}

/* -- what holds for a container -- */

struct entry {
	struct rule rule;
	struct origin origin;
	size_t position;
};

static int entry_compare(const void *a, const void *b)
{
	const struct entry *one = a, *two = b;

	if (one->rule.priority != two->rule.priority)
		return one->rule.priority < two->rule.priority ? -1 : 1;
	if (one->origin.scope != two->origin.scope)
		return one->origin.scope < two->origin.scope ? -1 : 1;
	return one->position < two->position ? -1 : 1;
}

struct gathering {
	struct entry *entries;
	size_t count;
	enum egress_mode mode;
	int64_t now_ms, until_ms;
	struct ruleset *set;
};

static int document_gather(struct gathering *all, json_t *document, const struct origin *origin, struct error *err)
{
	json_t *rules = json_object_get(document, "rules"), *ports = json_object_get(document, "ports");
	int mode = mode_find(json_is_string(json_object_get(document, "egress")) ? json_string_value(json_object_get(document, "egress")) : "open");
	char path[32];

	if (mode > (int)all->mode)
		all->mode = (enum egress_mode)mode;
	struct traffic traffic = { 0 };
	if (traffic_read(json_object_get(document, "limits"), "limits", &traffic, err) == -1)
		return -1;
	traffic_narrow(&all->set->traffic, &traffic);
	json_t *internal = json_object_get(document, "internal");
	if (json_is_string(internal))
		all->set->internal_open = strcmp(json_string_value(internal), internals[true]) == 0;
	struct entry *more = realloc(all->entries, (all->count + json_array_size(rules) + 1) * sizeof *more);
	if (more == NULL)
		return error_set(err, ENOMEM, "no memory for the rules of a container");
	all->entries = more;
	for (size_t i = 0; i < json_array_size(rules); i++) {
		struct entry *entry = &all->entries[all->count];
		*entry = (struct entry){ .origin = *origin, .position = i };
		snprintf(path, sizeof path, "rules[%zu]", i);
		if (rule_read(json_array_get(rules, i), path, &entry->rule, err) == -1)
			return -1;
		int64_t expires = entry->rule.expires_ms;
		if (!entry->rule.enabled || (expires != 0 && expires <= all->now_ms)) {
			rule_free(&entry->rule);
			continue;
		}
		if (expires != 0 && (all->until_ms == 0 || expires < all->until_ms))
			all->until_ms = expires;
		all->count++;
	}
	for (size_t i = 0; i < json_array_size(ports) && all->set->port_count < RULESET_PORTS_MAX; i++)
		if (published_read(json_array_get(ports, i), "ports", &all->set->ports[all->set->port_count++], err) == -1)
			return -1;
	return 0;
}

/* Nothing goes out: what rules say of it is idle. */
static void egress_close(struct gathering *all)
{
	size_t kept = 0;

	for (size_t i = 0; i < all->count; i++)
		if (all->entries[i].rule.direction != RULE_EGRESS)
			all->entries[kept++] = all->entries[i];
		else
			rule_free(&all->entries[i].rule);
	all->count = kept;
}

static int ruleset_fill(struct gathering *all, struct origin **ret_origins, struct error *err)
{
	struct ruleset *set = all->set;
	struct origin *origins = calloc(all->count + 1, sizeof *origins);

	set->rules = calloc(all->count + 1, sizeof *set->rules);
	if (set->rules == NULL || origins == NULL) {
		free(origins);
		return error_set(err, ENOMEM, "no memory for the rules of a container");
	}
	qsort(all->entries, all->count, sizeof *all->entries, entry_compare);
	for (size_t i = 0; i < all->count; i++) {
		set->rules[i] = all->entries[i].rule;
		origins[i] = all->entries[i].origin;
	}
	set->rule_count = all->count; /* they are the set's now */
	all->count = 0;
	set->egress_open = all->mode == EGRESS_OPEN;
	if (ret_origins == NULL)
		free(origins);
	else
		*ret_origins = origins;
	return 0;
}

int document_effective(struct store *store, const char *container, int64_t now_ms, struct ruleset *ret_set, struct origin **ret_origins,
		       enum egress_mode *ret_mode, int64_t *ret_until, struct error *err)
{
	struct ruleset set = { 0 };
	struct gathering all = { .now_ms = now_ms, .set = &set };
	struct origin origins[3] = { { .scope = DOCUMENT_REALM }, { .scope = DOCUMENT_PROJECT }, { .scope = DOCUMENT_CONTAINER } };
	struct rule_groups groups;
	int found = document_groups(store, container, &groups, err), result = found == 1 ? 0 : -1;

	if (found == 0)
		error_set(err, ENOENT, "there is no such container");
	if (found == 1) {
		memcpy(origins[0].id, groups.realm, ID_TEXT);
		memcpy(origins[1].id, groups.project, ID_TEXT);
		memcpy(origins[2].id, groups.container, ID_TEXT);
	}
	for (size_t i = 0; result == 0 && i < 3; i++) {
		int64_t version;
		cleanup_json json_t *document = document_load(store, origins[i].id, &version, err);
		result = document == NULL ? -1 : document_gather(&all, document, &origins[i], err);
	}
	if (result == 0 && all.mode == EGRESS_NONE)
		egress_close(&all);
	if (result == 0)
		result = ruleset_fill(&all, ret_origins, err);
	for (size_t i = 0; i < all.count; i++)
		rule_free(&all.entries[i].rule);
	free(all.entries);
	if (result == -1) {
		ruleset_free(&set);
		return -1;
	}
	*ret_set = set;
	if (ret_mode != NULL)
		*ret_mode = all.mode;
	if (ret_until != NULL)
		*ret_until = all.until_ms;
	return 0;
}
