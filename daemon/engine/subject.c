/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/subject.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/address.h"
#include "daemon/engine/class.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/element.h"
#include "daemon/engine/flow.h"
#include "daemon/engine/group.h"
#include "daemon/engine/publish.h"
#include "daemon/engine/tally.h"
#include "daemon/engine/throttle.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/ruleset.h"

struct subject {
	struct subject *next;
	struct subject_place where;
	struct element_marks marks; /* as the kernel has them; its groups are held */
	struct class *class;
	struct published ports[RULESET_PORTS_MAX];
	size_t port_count;
	struct traffic traffic; /* of a new one none: what an earlier engine may have left goes with the sweep */
	bool seen; /* by the sweep under way */
};

static struct subject *subjects;

static struct subject *subject_find(const char *id)
{
	struct subject *subject = subjects;

	while (subject != NULL && strcmp(subject->where.groups.container, id) != 0)
		subject = subject->next;
	return subject;
}

static const struct rule_groups *far_groups(const struct cidr *far)
{
	for (const struct subject *subject = subjects; subject != NULL; subject = subject->next)
		if (far->family == AF_INET ? memcmp(far->bytes, &subject->where.ipv4, 4) == 0 : memcmp(far->bytes, subject->where.ipv6, 16) == 0)
			return &subject->where.groups;
	return NULL;
}

static struct subject *subject_get(const struct subject_place *where, struct error *err)
{
	struct subject *subject = subject_find(where->groups.container);

	if (subject != NULL)
		return subject;
	subject = calloc(1, sizeof *subject);
	if (subject == NULL) {
		error_set(err, ENOMEM, "no memory for the rules of a container");
		return NULL;
	}
	subject->where = *where;
	subject->next = subjects;
	subjects = subject;
	return subject;
}

static int ports_apply(struct subject *subject, const struct ruleset *set, struct error *err)
{
	if (publish_change(subject->where.ipv4, subject->where.ipv6, subject->ports, subject->port_count, set->ports, set->port_count, err) == -1)
		return -1;
	memcpy(subject->ports, set->ports, sizeof subject->ports);
	subject->port_count = set->port_count;
	/* One that led to another, whose end is not through yet, must not go with it. */
	for (struct subject *other = subjects; other != NULL; other = other->next) {
		size_t kept = 0;
		for (size_t i = 0; i < other->port_count; i++)
			if (other == subject || !publish_takes(&other->ports[i], set->ports, set->port_count))
				other->ports[kept++] = other->ports[i];
		other->port_count = kept;
	}
	return 0;
}

static int traffic_apply(struct subject *subject, const struct traffic *traffic, struct error *err)
{
	char host[LINK_TEXT], peer[LINK_TEXT];

	address_links(subject->where.groups.container, host, peer);
	if (throttle_change(host, &subject->traffic, traffic, err) == -1)
		return -1;
	subject->traffic = *traffic;
	return 0;
}

static int marks_hold(const struct rule_groups *groups, struct element_marks *marks, struct error *err)
{
	marks->container = group_hold(groups->container, err);
	marks->project = group_hold(groups->project, err);
	marks->realm = group_hold(groups->realm, err);
	return marks->container == 0 || marks->project == 0 || marks->realm == 0 ? -1 : 0;
}

static void marks_drop(const struct element_marks *marks)
{
	group_drop(marks->container);
	group_drop(marks->project);
	group_drop(marks->realm);
}

static int marks_apply(struct subject *subject, const struct class *class, struct error *err)
{
	struct element_marks marks = { .class = class->mark };
	char host[LINK_TEXT], peer[LINK_TEXT];

	address_links(subject->where.groups.container, host, peer);
	if (marks_hold(&subject->where.groups, &marks, err) == -1 || element_marks_set(host, &subject->marks, &marks, err) == -1) {
		marks_drop(&marks);
		return -1;
	}
	marks_drop(&subject->marks);
	subject->marks = marks;
	return 0;
}

int subject_apply(const struct subject_place *where, struct ruleset *set, struct error *err)
{
	struct ruleset ports = *set; /* its ports stay ours when a class takes the rules */
	struct class *class = class_get(set, err);
	struct subject *subject = class == NULL ? NULL : subject_get(where, err);
	int result = subject == NULL ? -1 : 0;

	if (result == 0) {
		subject->where = *where;
		result = traffic_apply(subject, &ports.traffic, err) == -1 ? -1 : marks_apply(subject, class, err);
	}
	if (result == 0) {
		struct class *before = subject->class;
		bool same = before == class && ports.port_count == subject->port_count;
		for (size_t i = 0; same && i < ports.port_count; i++)
			same = publish_among(&ports.ports[i], subject->ports, subject->port_count);
		subject->class = class;
		subject->seen = true;
		result = ports_apply(subject, &ports, err);
		ports.rules = class->set.rules;
		ports.rule_count = class->set.rule_count;
		if (!same && flow_review(where->ipv4, where->ipv6, &ports, far_groups, err) == -1)
			result = -1;
		class_put(before);
	} else {
		class_put(class);
	}
	ruleset_free(set);
	return result;
}

static void subject_remove(struct subject **link)
{
	char host[LINK_TEXT], peer[LINK_TEXT];
	struct subject *subject = *link;
	struct ruleset nothing = { 0 };
	struct error err = ERROR_INIT;

	address_links(subject->where.groups.container, host, peer);
	if (element_marks_set(host, &subject->marks, &(struct element_marks){ 0 }, &err) == -1 || ports_apply(subject, &nothing, &err) == -1 ||
	    traffic_apply(subject, &nothing.traffic, &err) == -1)
		log_error("%s", err.message);
	*link = subject->next;
	marks_drop(&subject->marks);
	class_put(subject->class);
	free(subject);
}

void subject_forget(const char *id)
{
	for (struct subject **link = &subjects; *link != NULL; link = &(*link)->next)
		if (strcmp((*link)->where.groups.container, id) == 0) {
			subject_remove(link);
			return;
		}
}

/* -- what nobody has named -- */

void subject_sweep_begin(void)
{
	for (struct subject *subject = subjects; subject != NULL; subject = subject->next)
		subject->seen = false;
}

static void chain_look(const char *name, void *data)
{
	if ((strncmp(name, "e_", 2) != 0 && strncmp(name, "i_", 2) != 0) || strlen(name) != CLASS_NAME + 1)
		return;
	if (class_of_name(name + 2) == NULL)
		fprintf(data, "destroy chain " COMMANDS_TABLE "%s\n", name);
}

/* After both chains that use it. */
static void set_look(const char *name, void *data)
{
	if (strncmp(name, "e_", 2) == 0 && strlen(name) == CLASS_NAME + 1 && class_of_name(name + 2) == NULL)
		fprintf(data, "destroy set " COMMANDS_TABLE "f_%s\ndestroy counter " COMMANDS_TABLE "f_%s\n", name + 2, name + 2);
}

static void mark_look(const char *map, const uint8_t *key, size_t size, FILE *out)
{
	uint32_t mark;

	if (size < sizeof mark)
		return;
	memcpy(&mark, key, sizeof mark);
	if (class_of_mark(mark) == NULL)
		fprintf(out, "destroy element " COMMANDS_TABLE "%s { 0x%08x }\n", map, mark);
}

static void egress_look(const uint8_t *key, size_t size, void *data)
{
	mark_look("egress_of", key, size, data);
}

static void ingress_look(const uint8_t *key, size_t size, void *data)
{
	mark_look("ingress_of", key, size, data);
}

static const struct subject *subject_of_link(const uint8_t *link)
{
	char host[LINK_TEXT], peer[LINK_TEXT];

	for (const struct subject *subject = subjects; subject != NULL; subject = subject->next) {
		address_links(subject->where.groups.container, host, peer);
		if (strcmp(host, (const char *)link) == 0)
			return subject;
	}
	return NULL;
}

static void link_look(const char *map, const uint8_t *key, size_t size, FILE *out)
{
	if (size >= LINK_TEXT && key[LINK_TEXT - 1] == '\0' && subject_of_link(key) == NULL)
		fprintf(out, "destroy element " COMMANDS_TABLE "%s { \"%s\" }\n", map, (const char *)key);
}

static void class_look(const uint8_t *key, size_t size, void *data)
{
	link_look("class", key, size, data);
}

static void realm_look(const uint8_t *key, size_t size, void *data)
{
	link_look("realm_of", key, size, data);
}

struct limit_walk {
	enum traffic_kind kind;
	FILE *out;
};

static void limit_look(const char *link, uint64_t packets, uint64_t bytes, void *data)
{
	const struct limit_walk *walk = data;

	(void)packets;
	(void)bytes;
	const struct subject *subject = subject_of_link((const uint8_t *)link);
	if (subject == NULL || subject->traffic.limits[walk->kind] == 0)
		fprintf(walk->out, "destroy element " COMMANDS_TABLE "%s { \"%s\" }\n", throttle_set(walk->kind), link);
}

static int limits_look(FILE *out, struct error *err)
{
	for (enum traffic_kind kind = 0; kind < TRAFFIC_KINDS; kind++) {
		struct limit_walk walk = { .kind = kind, .out = out };
		if (throttle_set(kind) != NULL && tally_links(throttle_set(kind), limit_look, &walk, err) == -1)
			return -1;
	}
	return 0;
}

/* A mark, then a link. */
static void members_look(const uint8_t *key, size_t size, void *data)
{
	uint32_t mark;

	if (size < sizeof mark + LINK_TEXT || key[sizeof mark + LINK_TEXT - 1] != '\0')
		return;
	memcpy(&mark, key, sizeof mark);
	const struct subject *subject = subject_of_link(key + sizeof mark);
	if (subject == NULL || (mark != subject->marks.container && mark != subject->marks.project && mark != subject->marks.realm))
		fprintf(data, "destroy element " COMMANDS_TABLE "members { 0x%08x . \"%s\" }\n", mark, (const char *)key + sizeof mark);
}

/* Two words: protocol, port; each padded to four bytes. */
static void publish_look(const uint8_t *key, size_t size, void *data)
{
	if (size < 6)
		return;
	struct published port = { .protocol = key[0] == IPPROTO_UDP ? RULE_UDP : RULE_TCP, .host_port = (uint16_t)(key[4] << 8 | key[5]) };
	for (const struct subject *subject = subjects; subject != NULL; subject = subject->next)
		for (size_t i = 0; i < subject->port_count; i++)
			if (subject->ports[i].protocol == port.protocol && subject->ports[i].host_port == port.host_port)
				return;
	for (int family = 4; family <= 6; family += 2)
		fprintf(data, "destroy element " COMMANDS_TABLE "publish%d { %s . %u }\n", family, rule_protocol_name(port.protocol), port.host_port);
}

static void counter_look(const char *name, uint64_t packets, uint64_t bytes, void *data)
{
	(void)packets;
	(void)bytes;
	if (strncmp(name, "r_", 2) == 0 && strlen(name) == ID_TEXT + 1 && !class_has_rule(name + 2))
		fprintf(data, "destroy counter " COMMANDS_TABLE "%s\n", name);
}

void subject_sweep_end(void)
{
	struct error err = ERROR_INIT;
	char *text = NULL;
	size_t size = 0;

	for (struct subject **link = &subjects; *link != NULL;)
		if ((*link)->seen)
			link = &(*link)->next;
		else
			subject_remove(link);
	FILE *out = open_memstream(&text, &size);
	if (out == NULL)
		return;
	/* In this order: a chain goes when nothing leads there, a counter when no rule has it. */
	if (tally_elements("class", class_look, out, &err) == -1 || tally_elements("realm_of", realm_look, out, &err) == -1 ||
	    tally_elements("members", members_look, out, &err) == -1 || tally_elements("egress_of", egress_look, out, &err) == -1 ||
	    tally_elements("ingress_of", ingress_look, out, &err) == -1 || limits_look(out, &err) == -1 || tally_elements("publish4", publish_look, out, &err) == -1 ||
	    tally_chains(chain_look, out, &err) == -1 || tally_chains(set_look, out, &err) == -1 || tally_counters(counter_look, out, &err) == -1)
		log_error("%s", err.message);
	if (fclose(out) == 0 && size > 0)
		class_unused_remove(text);
	free(text);
}

/* -- counts -- */

struct counting {
	const struct class *class;
	json_t *counts;
};

/* Of a rule, or of the connections that the class refused. */
static void counter_take(const char *name, uint64_t packets, uint64_t bytes, void *data)
{
	const struct counting *counting = data;
	const char *key = NULL;

	if (strncmp(name, "r_", 2) == 0 && json_object_get(counting->counts, name + 2) != NULL)
		key = name + 2;
	else if (strncmp(name, "f_", 2) == 0 && strcmp(name + 2, counting->class->name) == 0)
		key = traffic_name(TRAFFIC_CONNECTIONS);
	if (key != NULL)
		json_object_set_new(counting->counts, key, json_pack("[I, I]", (json_int_t)packets, (json_int_t)bytes));
}

static int traffic_count(const struct subject *subject, json_t *counts, struct error *err)
{
	char host[LINK_TEXT], peer[LINK_TEXT];

	address_links(subject->where.groups.container, host, peer);
	return traffic_none(&subject->traffic) ? 0 : throttle_count(host, counts, err);
}

int subject_count(const char *id, struct error *err)
{
	const struct subject *subject = subject_find(id);
	cleanup_json json_t *counts = json_object();

	if (subject != NULL && subject->class == NULL)
		subject = NULL; /* its rules could not be put in force */
	for (size_t i = 0; subject != NULL && i < subject->class->set.rule_count; i++)
		json_object_set_new(counts, subject->class->set.rules[i].id, json_pack("[i, i]", 0, 0));
	if (subject != NULL) {
		struct counting counting = { .class = subject->class, .counts = counts };
		if (tally_counters(counter_take, &counting, err) == -1 || traffic_count(subject, counts, err) == -1)
			return -1;
	}
	return json_memory("counts", counts, err);
}
