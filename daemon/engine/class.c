/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/class.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/commands.h"
#include "daemon/engine/firewall.h"
#include "daemon/engine/group.h"
#include "daemon/engine/step.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"

enum { NAME_BYTES = (CLASS_NAME - 1) / 2 };

static struct class *classes;

static int name_make(const struct ruleset *set, char name[CLASS_NAME], struct error *err)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct ruleset rules = *set;

	rules.port_count = 0;
	rules.traffic = (struct traffic){ .limits[TRAFFIC_CONNECTIONS] = set->traffic.limits[TRAFFIC_CONNECTIONS] };
	cleanup_json json_t *object = ruleset_json(&rules);
	cleanup_free char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);

	if (text == NULL || EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) != 1)
		return error_set(err, ENOMEM, "no memory for the rules of a container");
	for (size_t i = 0; i < NAME_BYTES; i++)
		snprintf(name + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/* Made from the name, so that it is the same for the next engine; counted on where two meet. */
static uint32_t mark_make(const char *name)
{
	char half[9] = "";
	memcpy(half, name, sizeof half - 1);
	uint32_t mark = (uint32_t)strtoul(half, NULL, 16);

	for (const struct class *class = classes; class != NULL || mark == 0;) {
		if (mark == 0 || class->mark == mark) {
			mark++;
			class = classes;
		} else {
			class = class->next;
		}
	}
	return mark;
}

static void groups_drop(struct class *class)
{
	for (size_t i = 0; i < class->group_count; i++)
		group_drop(class->groups[i]);
	free(class->groups);
}

static int groups_hold(struct class *class, struct error *err)
{
	size_t count = 0;

	for (size_t i = 0; i < class->set.rule_count; i++)
		count += class->set.rules[i].peer_count;
	class->groups = calloc(count + 1, sizeof *class->groups);
	if (class->groups == NULL)
		return error_set(err, ENOMEM, "no memory for the rules of a container");
	for (size_t i = 0; i < class->set.rule_count; i++)
		for (size_t k = 0; k < class->set.rules[i].peer_count; k++) {
			if (class->set.rules[i].peers[k].kind == PEER_ADDRESS_SET)
				continue;
			uint32_t mark = group_hold(class->set.rules[i].peers[k].id, err);
			if (mark == 0)
				return -1;
			class->groups[class->group_count++] = mark;
		}
	return 0;
}

int class_lead(uint32_t mark, const char *name, struct error *err)
{
	struct step steps[4];
	size_t count = 0;

	for (int i = 0; i < 2; i++) {
		struct step step = { .action = STEP_DESTROY, .set = i == 0 ? "egress_of" : "ingress_of" };
		step_key(&step, &mark, sizeof mark);
		steps[count++] = step;
		step.action = STEP_ADD;
		if (name == NULL)
			continue;
		snprintf(step.chain, sizeof step.chain, "%c_%.20s", i == 0 ? 'e' : 'i', name);
		steps[count++] = step;
	}
	return step_run(steps, count, err);
}

/* When it is none of the classes any more. */
static void kernel_remove(const struct class *class)
{
	struct error err = ERROR_INIT;
	char *text = NULL;
	size_t size;

	if (class_lead(class->mark, NULL, &err) == -1)
		log_error("a mark leads to rules that nobody uses: %s", err.message);
	FILE *out = open_memstream(&text, &size);
	if (out == NULL)
		return;
	fprintf(out, "destroy chain " COMMANDS_TABLE "e_%s\ndestroy chain " COMMANDS_TABLE "i_%s\n", class->name, class->name);
	if (class->set.traffic.limits[TRAFFIC_CONNECTIONS] != 0)
		fprintf(out, "destroy set " COMMANDS_TABLE "f_%s\ndestroy counter " COMMANDS_TABLE "f_%s\n", class->name, class->name);
	for (size_t i = 0; i < class->set.rule_count; i++)
		if (!class_has_rule(class->set.rules[i].id))
			fprintf(out, "destroy counter " COMMANDS_TABLE "r_%s\n", class->set.rules[i].id);
	for (size_t i = 0; i < class->set.rule_count; i++)
		for (size_t k = 0; k < class->set.rules[i].name_count; k++)
			if (!class_has_name(class->set.rules[i].names[k]))
				nameset_destroy(out, class->set.rules[i].names[k]);
	if (fclose(out) == 0)
		class_unused_remove(text);
	free(text);
}

/* Its chains, and its mark's way there; what fails leaves nothing. */
static int kernel_write(const struct class *class, struct error *err)
{
	cleanup_free char *commands = commands_of_class(&class->set, class->name, class->groups);

	if (commands == NULL)
		return error_set(err, ENOMEM, "no memory for the rules of a container");
	if (firewall_run(commands, err) == -1)
		return -1;
	if (class_lead(class->mark, class->name, err) == 0)
		return 0;
	kernel_remove(class);
	return -1;
}

struct class *class_get(struct ruleset *set, struct error *err)
{
	char name[CLASS_NAME];

	if (name_make(set, name, err) == -1)
		return NULL;
	for (struct class *class = classes; class != NULL; class = class->next)
		if (strcmp(class->name, name) == 0) {
			class->users++;
			return class;
		}
	struct class *class = calloc(1, sizeof *class);
	if (class == NULL) {
		error_set(err, ENOMEM, "no memory for the rules of a container");
		return NULL;
	}
	*class = (struct class){ .mark = mark_make(name), .users = 1, .set = *set };
	memcpy(class->name, name, sizeof class->name);
	if (groups_hold(class, err) == -1 || kernel_write(class, err) == -1) {
		error_wrap(err, "cannot write the rules of a container");
		groups_drop(class);
		free(class);
		return NULL;
	}
	*set = (struct ruleset){ 0 };
	class->next = classes;
	classes = class;
	return class;
}

bool class_has_rule(const char *id)
{
	for (const struct class *class = classes; class != NULL; class = class->next)
		for (size_t i = 0; i < class->set.rule_count; i++)
			if (strcmp(class->set.rules[i].id, id) == 0)
				return true;
	return false;
}

bool class_has_name(const char *pattern)
{
	for (const struct class *class = classes; class != NULL; class = class->next)
		for (size_t i = 0; i < class->set.rule_count; i++)
			for (size_t k = 0; k < class->set.rules[i].name_count; k++)
				if (strcmp(class->set.rules[i].names[k], pattern) == 0)
					return true;
	return false;
}

char (*class_name_sets(size_t *ret_count))[NAMESET_NAME]
{
	char (*sets)[NAMESET_NAME];
	size_t count = 0;

	for (const struct class *class = classes; class != NULL; class = class->next)
		for (size_t i = 0; i < class->set.rule_count; i++)
			count += class->set.rules[i].name_count;
	sets = calloc(count + 1, sizeof *sets);
	*ret_count = count;
	if (sets == NULL)
		return NULL;
	count = 0;
	for (const struct class *class = classes; class != NULL; class = class->next)
		for (size_t i = 0; i < class->set.rule_count; i++)
			for (size_t k = 0; k < class->set.rules[i].name_count; k++)
				nameset_name(class->set.rules[i].names[k], AF_INET, sets[count++]);
	return sets;
}

bool class_names_set(const struct class *class, const char *id)
{
	for (size_t i = 0; i < class->set.rule_count; i++)
		for (size_t k = 0; k < class->set.rules[i].peer_count; k++)
			if (class->set.rules[i].peers[k].kind == PEER_ADDRESS_SET && strcmp(class->set.rules[i].peers[k].id, id) == 0)
				return true;
	return false;
}

int class_rewrite(const char *set, struct error *err)
{
	cleanup_free char *all = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&all, &size);
	bool whole = out != NULL;

	for (const struct class *class = classes; whole && class != NULL; class = class->next) {
		if (!class_names_set(class, set))
			continue;
		cleanup_free char *commands = commands_of_class(&class->set, class->name, class->groups);
		whole = commands != NULL && fputs(commands, out) >= 0;
	}
	if (out == NULL || fclose(out) != 0 || !whole)
		return error_set(err, ENOMEM, "no memory for the rules that name a set of addresses");
	if (size > 0 && firewall_run(all, err) == -1)
		return error_wrap(err, "cannot write the rules that name a set of addresses");
	return 0;
}

void class_unused_remove(const char *commands)
{
	struct error err = ERROR_INIT;

	if (firewall_run(commands, &err) == -1)
		log_error("rules that nobody uses cannot be removed: %s", err.message);
}

void class_put(struct class *class)
{
	if (class == NULL || --class->users > 0)
		return;
	struct class **link = &classes;
	while (*link != class)
		link = &(*link)->next;
	*link = class->next;
	kernel_remove(class);
	ruleset_free(&class->set);
	groups_drop(class);
	free(class);
}

const struct class *class_of_name(const char *name)
{
	const struct class *class = classes;

	while (class != NULL && strcmp(class->name, name) != 0)
		class = class->next;
	return class;
}

const struct class *class_of_mark(uint32_t mark)
{
	const struct class *class = classes;

	while (class != NULL && class->mark != mark)
		class = class->next;
	return class;
}
