/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/class.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/element.h"
#include "daemon/engine/firewall.h"
#include "daemon/engine/flow.h"
#include "daemon/engine/publish.h"
#include "daemon/engine/tally.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/ruleset.h"

enum { NAME_BYTES = 8, CLASS_NAME = 2 * NAME_BYTES + 1 };

/* The rules of one or more containers. */
struct class {
	struct class *next;
	char name[CLASS_NAME]; /* beginning of the rules' SHA-256 */
	uint32_t mark;         /* of no other class */
	unsigned users;
	struct ruleset set;    /* published ports are the members' own */
};

struct member {
	struct member *next;
	struct class_member where;
	struct class *class;
	struct published ports[RULESET_PORTS_MAX];
	size_t port_count;
	bool seen; /* by the sweep under way */
};

static struct class *classes;
static struct member *members;

/* -- classes -- */

static int name_make(const struct ruleset *set, char name[CLASS_NAME], struct error *err)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct ruleset rules = { .egress_open = set->egress_open, .rule_count = set->rule_count, .rules = set->rules };
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

/* Takes set's rules over on success. */
static struct class *class_get(struct ruleset *set, struct error *err)
{
	char name[CLASS_NAME];

	if (name_make(set, name, err) == -1)
		return NULL;
	for (struct class *class = classes; class != NULL; class = class->next)
		if (strcmp(class->name, name) == 0)
			return class;
	struct class *class = calloc(1, sizeof *class);
	if (class == NULL) {
		error_set(err, ENOMEM, "no memory for the rules of a container");
		return NULL;
	}
	*class = (struct class){ .mark = mark_make(name), .set = *set };
	memcpy(class->name, name, sizeof class->name);
	cleanup_free char *commands = commands_of_class(&class->set, class->name, class->mark);
	if (commands == NULL)
		error_set(err, ENOMEM, "no memory for the rules of a container");
	if (commands == NULL || firewall_run(commands, err) == -1) {
		error_wrap(err, "cannot write the rules of a container");
		free(class);
		return NULL;
	}
	*set = (struct ruleset){ 0 };
	class->next = classes;
	classes = class;
	return class;
}

static bool rule_is_used(const char *id)
{
	for (const struct class *class = classes; class != NULL; class = class->next)
		for (size_t i = 0; i < class->set.rule_count; i++)
			if (strcmp(class->set.rules[i].id, id) == 0)
				return true;
	return false;
}

static void commands_run(const char *commands)
{
	struct error err = ERROR_INIT;

	if (firewall_run(commands, &err) == -1)
		log_error("rules that nobody uses cannot be removed: %s", err.message);
}

static void class_put(struct class *class)
{
	char *text = NULL;
	size_t size;

	if (class == NULL || --class->users > 0)
		return;
	struct class **link = &classes;
	while (*link != class)
		link = &(*link)->next;
	*link = class->next;
	FILE *out = open_memstream(&text, &size);
	if (out != NULL) {
		fprintf(out, "destroy element " COMMANDS_TABLE "egress_of { 0x%08x }\ndestroy element " COMMANDS_TABLE "ingress_of { 0x%08x }\n", class->mark, class->mark);
		fprintf(out, "destroy chain " COMMANDS_TABLE "e_%s\ndestroy chain " COMMANDS_TABLE "i_%s\n", class->name, class->name);
		for (size_t i = 0; i < class->set.rule_count; i++)
			if (!rule_is_used(class->set.rules[i].id))
				fprintf(out, "destroy counter " COMMANDS_TABLE "r_%s\n", class->set.rules[i].id);
		if (fclose(out) == 0)
			commands_run(text);
		free(text);
	}
	ruleset_free(&class->set);
	free(class);
}

/* -- members -- */

static struct member *member_find(const char *id)
{
	struct member *member = members;

	while (member != NULL && strcmp(member->where.id, id) != 0)
		member = member->next;
	return member;
}

static struct member *member_get(const struct class_member *where, struct error *err)
{
	struct member *member = member_find(where->id);

	if (member != NULL)
		return member;
	member = calloc(1, sizeof *member);
	if (member == NULL) {
		error_set(err, ENOMEM, "no memory for the rules of a container");
		return NULL;
	}
	member->where = *where;
	member->next = members;
	members = member;
	return member;
}

static int ports_apply(struct member *member, const struct ruleset *set, struct error *err)
{
	if (publish_change(member->where.ipv4, member->where.ipv6, member->ports, member->port_count, set->ports, set->port_count, err) == -1)
		return -1;
	memcpy(member->ports, set->ports, sizeof member->ports);
	member->port_count = set->port_count;
	/* One that led to another, whose end is not through yet, must not go with it. */
	for (struct member *other = members; other != NULL; other = other->next) {
		size_t kept = 0;
		for (size_t i = 0; i < other->port_count; i++)
			if (other == member || !publish_takes(&other->ports[i], set->ports, set->port_count))
				other->ports[kept++] = other->ports[i];
		other->port_count = kept;
	}
	return 0;
}

int class_apply(const struct class_member *where, struct ruleset *set, struct error *err)
{
	char host[LINK_TEXT], peer[LINK_TEXT];
	struct ruleset ports = *set; /* its ports stay ours when a class takes the rules */
	struct class *class = class_get(set, err);
	struct member *member = class == NULL ? NULL : member_get(where, err);
	int result = member == NULL ? -1 : 0;

	if (class != NULL)
		class->users++;
	address_links(where->id, host, peer);
	if (result == 0)
		result = element_class_set(host, class->mark, err);
	if (result == 0) {
		struct class *before = member->class;
		bool same = before == class && ports.port_count == member->port_count;
		for (size_t i = 0; same && i < ports.port_count; i++)
			same = publish_among(&ports.ports[i], member->ports, member->port_count);
		member->class = class;
		member->seen = true;
		result = ports_apply(member, &ports, err);
		ports.rules = class->set.rules;
		ports.rule_count = class->set.rule_count;
		if (!same && flow_review(where->ipv4, where->ipv6, &ports, err) == -1)
			result = -1;
		class_put(before);
	} else {
		class_put(class);
	}
	ruleset_free(set);
	return result;
}

static void member_remove(struct member **link)
{
	char host[LINK_TEXT], peer[LINK_TEXT];
	struct member *member = *link;
	struct ruleset nothing = { 0 };
	struct error err = ERROR_INIT;

	address_links(member->where.id, host, peer);
	if (element_class_remove(host, &err) == -1 || ports_apply(member, &nothing, &err) == -1)
		log_error("%s", err.message);
	*link = member->next;
	class_put(member->class);
	free(member);
}

void class_forget(const char *id)
{
	for (struct member **link = &members; *link != NULL; link = &(*link)->next)
		if (strcmp((*link)->where.id, id) == 0) {
			member_remove(link);
			return;
		}
}

/* -- what nobody has named -- */

void class_sweep_begin(void)
{
	for (struct member *member = members; member != NULL; member = member->next)
		member->seen = false;
}

static void chain_look(const char *name, void *data)
{
	if ((strncmp(name, "e_", 2) != 0 && strncmp(name, "i_", 2) != 0) || strlen(name) != CLASS_NAME + 1)
		return;
	for (const struct class *class = classes; class != NULL; class = class->next)
		if (strcmp(class->name, name + 2) == 0)
			return;
	fprintf(data, "destroy chain " COMMANDS_TABLE "%s\n", name);
}

static void mark_look(const char *map, const uint8_t *key, size_t size, FILE *out)
{
	uint32_t mark;

	if (size < sizeof mark)
		return;
	memcpy(&mark, key, sizeof mark);
	for (const struct class *class = classes; class != NULL; class = class->next)
		if (class->mark == mark)
			return;
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

static void link_look(const uint8_t *key, size_t size, void *data)
{
	char host[LINK_TEXT], peer[LINK_TEXT];

	if (size < LINK_TEXT || key[LINK_TEXT - 1] != '\0')
		return;
	for (const struct member *member = members; member != NULL; member = member->next) {
		address_links(member->where.id, host, peer);
		if (strcmp(host, (const char *)key) == 0)
			return;
	}
	fprintf(data, "destroy element " COMMANDS_TABLE "class { \"%s\" }\n", (const char *)key);
}

/* Two words: protocol, port; each padded to four bytes. */
static void publish_look(const uint8_t *key, size_t size, void *data)
{
	if (size < 6)
		return;
	struct published port = { .protocol = key[0] == IPPROTO_UDP ? RULE_UDP : RULE_TCP, .host_port = (uint16_t)(key[4] << 8 | key[5]) };
	for (const struct member *member = members; member != NULL; member = member->next)
		for (size_t i = 0; i < member->port_count; i++)
			if (member->ports[i].protocol == port.protocol && member->ports[i].host_port == port.host_port)
				return;
	for (int family = 4; family <= 6; family += 2)
		fprintf(data, "destroy element " COMMANDS_TABLE "publish%d { %s . %u }\n", family, rule_protocol_name(port.protocol), port.host_port);
}

static void counter_look(const char *name, uint64_t packets, uint64_t bytes, void *data)
{
	(void)packets;
	(void)bytes;
	if (strncmp(name, "r_", 2) == 0 && strlen(name) == ID_TEXT + 1 && !rule_is_used(name + 2))
		fprintf(data, "destroy counter " COMMANDS_TABLE "%s\n", name);
}

void class_sweep_end(void)
{
	struct error err = ERROR_INIT;
	char *text = NULL;
	size_t size = 0;

	for (struct member **link = &members; *link != NULL;)
		if ((*link)->seen)
			link = &(*link)->next;
		else
			member_remove(link);
	FILE *out = open_memstream(&text, &size);
	if (out == NULL)
		return;
	/* In this order: a chain goes when nothing leads there, a counter when no rule has it. */
	if (tally_elements("class", link_look, out, &err) == -1 || tally_elements("egress_of", egress_look, out, &err) == -1 ||
	    tally_elements("ingress_of", ingress_look, out, &err) == -1 || tally_elements("publish4", publish_look, out, &err) == -1 ||
	    tally_chains(chain_look, out, &err) == -1 || tally_counters(counter_look, out, &err) == -1)
		log_error("%s", err.message);
	if (fclose(out) == 0 && size > 0)
		commands_run(text);
	free(text);
}

/* -- counts -- */

static void counter_take(const char *name, uint64_t packets, uint64_t bytes, void *data)
{
	json_t *counts = data;

	if (strncmp(name, "r_", 2) == 0 && json_object_get(counts, name + 2) != NULL)
		json_object_set_new(counts, name + 2, json_pack("[I, I]", (json_int_t)packets, (json_int_t)bytes));
}

int class_count(const char *id, struct error *err)
{
	const struct member *member = member_find(id);
	cleanup_json json_t *counts = json_object();

	if (member != NULL && member->class == NULL)
		member = NULL; /* its rules could not be put in force */
	for (size_t i = 0; member != NULL && i < member->class->set.rule_count; i++)
		json_object_set_new(counts, member->class->set.rules[i].id, json_pack("[i, i]", 0, 0));
	if (member != NULL && tally_counters(counter_take, counts, err) == -1)
		return -1;
	cleanup_free char *text = json_dumps(counts, JSON_COMPACT);
	cleanup_fd int fd = memfd_create("counts", MFD_CLOEXEC);
	if (text == NULL)
		return error_set(err, ENOMEM, "no memory for counts");
	if (fd == -1 || fd_write_full(fd, text, strlen(text)) == -1)
		return error_errno(err, "cannot hand counts over");
	return fd_steal(&fd);
}
