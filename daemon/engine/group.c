/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/group.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"

struct group {
	struct group *next;
	char id[ID_TEXT];
	uint32_t mark;
	unsigned holders;
};

static struct group *groups;

static bool mark_is_taken(uint32_t mark)
{
	for (const struct group *group = groups; group != NULL; group = group->next)
		if (group->mark == mark)
			return true;
	return false;
}

/* What the id begins with; counted on where two meet. */
static uint32_t mark_make(const char *id)
{
	char half[9] = "";

	snprintf(half, sizeof half, "%.8s", id);
	uint32_t mark = (uint32_t)strtoul(half, NULL, 16);
	while (mark == 0 || mark_is_taken(mark))
		mark++;
	return mark;
}

uint32_t group_hold(const char id[ID_TEXT], struct error *err)
{
	struct group *group = groups;

	while (group != NULL && strcmp(group->id, id) != 0)
		group = group->next;
	if (group == NULL) {
		group = calloc(1, sizeof *group);
		if (group == NULL) {
			error_set(err, ENOMEM, "no memory for the rules of a container");
			return 0;
		}
		*group = (struct group){ .mark = mark_make(id), .next = groups };
		snprintf(group->id, sizeof group->id, "%.24s", id);
		groups = group;
	}
	group->holders++;
	return group->mark;
}

void group_drop(uint32_t mark)
{
	struct group **link = &groups;

	while (*link != NULL && (*link)->mark != mark)
		link = &(*link)->next;
	struct group *group = *link;
	if (group == NULL || --group->holders > 0)
		return;
	*link = group->next;
	free(group);
}
