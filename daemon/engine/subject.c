/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/subject.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/class.h"
#include "daemon/engine/flow.h"
#include "daemon/engine/group.h"
#include "daemon/engine/nameset.h"
#include "daemon/engine/netset.h"
#include "daemon/engine/publish.h"
#include "daemon/engine/shaper.h"
#include "daemon/engine/tally.h"
#include "daemon/engine/throttle.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"

static struct subject *subjects;

static struct subject *subject_find(const char *id)
{
	struct subject *subject = subjects;

	while (subject != NULL && strcmp(subject->where.groups.container, id) != 0)
		subject = subject->next;
	return subject;
}

static const struct subject *subject_at(bool v4, const uint8_t *bytes)
{
	for (const struct subject *subject = subjects; subject != NULL; subject = subject->next)
		if (v4 ? memcmp(bytes, &subject->where.ipv4, 4) == 0 : memcmp(bytes, subject->where.ipv6, 16) == 0)
			return subject;
	return NULL;
}

static const struct rule_groups *far_groups(const struct cidr *far)
{
	const struct subject *subject = subject_at(far->family == AF_INET, far->bytes);

	return subject == NULL ? NULL : &subject->where.groups;
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
	char peer[LINK_TEXT];
	address_links(where->groups.container, subject->link, peer);
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
	if (throttle_change(subject->link, &subject->traffic, traffic, err) == -1)
		return -1;
	/* Of a new one the link may have rates that an earlier engine gave it. */
	if (shaper_set(subject->link, subject->class == NULL ? NULL : &subject->traffic, traffic, err) == -1)
		return -1;
	subject->traffic = *traffic;
	return 0;
}

int subject_link_made(const char *link, struct error *err)
{
	const struct subject *subject = subject_of_link(link);

	return subject == NULL ? 0 : shaper_set(link, NULL, &subject->traffic, err);
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
	if (marks_hold(&subject->where.groups, &marks, err) == -1 || element_marks_set(subject->link, &subject->marks, &marks, err) == -1) {
		marks_drop(&marks);
		return -1;
	}
	marks_drop(&subject->marks);
	subject->marks = marks;
	return 0;
}

static int review(const struct subject *subject, struct error *err)
{
	struct ruleset set = subject->class->set;

	memcpy(set.ports, subject->ports, sizeof set.ports);
	set.port_count = subject->port_count;
	return flow_review(subject->where.ipv4, subject->where.ipv6, &set, far_groups, netset_holds, nameset_holds, err);
}

int subject_apply(const struct subject_place *where, struct ruleset *set, struct error *err)
{
	struct ruleset ports = *set; /* its ports and limits stay ours when a class takes the rules */
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
		if (!same && review(subject, err) == -1)
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
	struct subject *subject = *link;
	struct ruleset nothing = { 0 };
	struct error err = ERROR_INIT;

	if (element_marks_set(subject->link, &subject->marks, &(struct element_marks){ 0 }, &err) == -1 || ports_apply(subject, &nothing, &err) == -1 ||
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

void subject_list_begin(void)
{
	for (struct subject *subject = subjects; subject != NULL; subject = subject->next)
		subject->seen = false;
}

void subject_list_end(void)
{
	for (struct subject **link = &subjects; *link != NULL;)
		if ((*link)->seen)
			link = &(*link)->next;
		else
			subject_remove(link);
}

const struct subject *subject_of_link(const char *link)
{
	const struct subject *subject = subjects;

	while (subject != NULL && strcmp(subject->link, link) != 0)
		subject = subject->next;
	return subject;
}

const struct subject *subject_of_address(const struct in6_addr *address)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(address);

	return subject_at(v4, v4 ? address->s6_addr + 12 : address->s6_addr);
}

bool subject_publishes(const struct published *port)
{
	for (const struct subject *subject = subjects; subject != NULL; subject = subject->next)
		if (publish_takes(port, subject->ports, subject->port_count))
			return true;
	return false;
}

int subject_review_set(const char *id, struct error *err)
{
	for (const struct subject *subject = subjects; subject != NULL; subject = subject->next)
		if (subject->class != NULL && class_names_set(subject->class, id) && review(subject, err) == -1)
			return -1;
	return 0;
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
	if (throttle_count(subject->link, &subject->traffic, counts, err) == -1)
		return -1;
	return shaper_count(subject->link, &subject->traffic, counts, err);
}

static int names_list(const struct class *class, json_t *counts, struct error *err)
{
	json_t *names = json_object();

	json_object_set_new(counts, "names", names);
	for (size_t i = 0; i < class->set.rule_count; i++)
		for (size_t k = 0; k < class->set.rules[i].name_count; k++) {
			const char *pattern = class->set.rules[i].names[k];
			json_t *list = json_object_get(names, pattern) != NULL ? NULL : nameset_list(pattern, err);
			if (list != NULL)
				json_object_set_new(names, pattern, list);
			else if (json_object_get(names, pattern) == NULL)
				return -1;
		}
	return 0;
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
		if (tally_counters(counter_take, &counting, err) == -1 || traffic_count(subject, counts, err) == -1 || names_list(subject->class, counts, err) == -1)
			return -1;
	}
	return json_memory("counts", counts, err);
}
