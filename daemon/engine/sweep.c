/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/sweep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/class.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/netset.h"
#include "daemon/engine/subject.h"
#include "daemon/engine/tally.h"
#include "daemon/engine/throttle.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"

static void chain_look(const char *name, void *data)
{
	if ((strncmp(name, "e_", 2) != 0 && strncmp(name, "i_", 2) != 0) || strlen(name) != CLASS_NAME + 1)
		return;
	if (class_of_name(name + 2) == NULL)
		fprintf(data, "destroy chain " COMMANDS_TABLE "%s\n", name);
}

struct set_walk {
	FILE *out;
	char (*names)[NAMESET_NAME]; /* of patterns, sorted; those of IPv6 differ in one character */
	size_t name_count;
};

static int name_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool name_is_unused(const struct set_walk *walk, const char *name)
{
	char four[NAMESET_NAME];

	if ((strncmp(name, "n4_", 3) != 0 && strncmp(name, "n6_", 3) != 0) || strlen(name) >= sizeof four)
		return false;
	strcpy(four, name);
	four[1] = '4';
	return bsearch(four, walk->names, walk->name_count, sizeof four, name_compare) == NULL;
}

/* Connections of a class, or addresses: after the chains that use them. */
static void set_look(const char *name, void *data)
{
	const struct set_walk *walk = data;
	bool class = strncmp(name, "f_", 2) == 0 && strlen(name) == CLASS_NAME + 1;

	if ((class && class_of_name(name + 2) == NULL) || (netset_named(name) && !netset_present(name)) || name_is_unused(walk, name))
		fprintf(walk->out, "destroy set " COMMANDS_TABLE "%s\n", name);
}

static int sets_look(FILE *out, struct error *err)
{
	struct set_walk walk = { .out = out };

	walk.names = class_name_sets(&walk.name_count);
	if (walk.names == NULL)
		return error_set(err, ENOMEM, "no memory to sweep the firewall's sets");
	qsort(walk.names, walk.name_count, sizeof *walk.names, name_compare);
	int result = tally_sets(set_look, &walk, err);
	free(walk.names);
	return result;
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

static void link_look(const char *map, const uint8_t *key, size_t size, FILE *out)
{
	if (size >= LINK_TEXT && key[LINK_TEXT - 1] == '\0' && subject_of_link((const char *)key) == NULL)
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

static void limit_look(const char *link, uint64_t packets, uint64_t bytes, void *data)
{
	(void)packets;
	(void)bytes;
	const struct subject *subject = subject_of_link(link);
	if (subject == NULL || subject->traffic.limits[TRAFFIC_NEW] == 0)
		fprintf(data, "destroy element " COMMANDS_TABLE THROTTLE_SET " { \"%s\" }\n", link);
}

/* A mark, then a link. */
static void members_look(const uint8_t *key, size_t size, void *data)
{
	uint32_t mark;

	if (size < sizeof mark + LINK_TEXT || key[sizeof mark + LINK_TEXT - 1] != '\0')
		return;
	memcpy(&mark, key, sizeof mark);
	const struct subject *subject = subject_of_link((const char *)key + sizeof mark);
	if (subject == NULL || (mark != subject->marks.container && mark != subject->marks.project && mark != subject->marks.realm))
		fprintf(data, "destroy element " COMMANDS_TABLE "members { 0x%08x . \"%s\" }\n", mark, (const char *)key + sizeof mark);
}

/* Two words: protocol, port; each padded to four bytes. */
static void publish_look(const uint8_t *key, size_t size, void *data)
{
	if (size < 6)
		return;
	struct published port = { .protocol = key[0] == IPPROTO_UDP ? RULE_UDP : RULE_TCP, .host_port = (uint16_t)(key[4] << 8 | key[5]) };
	for (int family = 4; !subject_publishes(&port) && family <= 6; family += 2)
		fprintf(data, "destroy element " COMMANDS_TABLE "publish%d { %s . %u }\n", family, rule_protocol_name(port.protocol), port.host_port);
}

static void counter_look(const char *name, uint64_t packets, uint64_t bytes, void *data)
{
	(void)packets;
	(void)bytes;
	bool rule = strncmp(name, "r_", 2) == 0 && strlen(name) == ID_TEXT + 1, class = strncmp(name, "f_", 2) == 0 && strlen(name) == CLASS_NAME + 1;
	if ((rule && !class_has_rule(name + 2)) || (class && class_of_name(name + 2) == NULL))
		fprintf(data, "destroy counter " COMMANDS_TABLE "%s\n", name);
}

void sweep_run(void)
{
	struct error err = ERROR_INIT;
	char *text = NULL;
	size_t size = 0;

	FILE *out = open_memstream(&text, &size);
	if (out == NULL)
		return;
	/* In this order: a chain goes when nothing leads there, a counter when no rule has it. */
	if (tally_elements("class", class_look, out, &err) == -1 || tally_elements("realm_of", realm_look, out, &err) == -1 ||
	    tally_elements("members", members_look, out, &err) == -1 || tally_elements("egress_of", egress_look, out, &err) == -1 ||
	    tally_elements("ingress_of", ingress_look, out, &err) == -1 || tally_links(THROTTLE_SET, limit_look, out, &err) == -1 || tally_elements("publish4", publish_look, out, &err) == -1 ||
	    tally_chains(chain_look, out, &err) == -1 || sets_look(out, &err) == -1 || tally_counters(counter_look, out, &err) == -1)
		log_error("%s", err.message);
	if (fclose(out) == 0 && size > 0)
		class_unused_remove(text);
	free(text);
}
