/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/netset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/commands.h"
#include "daemon/engine/fill.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

struct netset {
	struct netset *next;
	char id[ID_TEXT];
	struct address_set set;
	bool seen;
};

static struct netset *netsets;

static struct netset **netset_find(const char *id)
{
	struct netset **link = &netsets;

	while (*link != NULL && strcmp((*link)->id, id) != 0)
		link = &(*link)->next;
	return link;
}

static void netset_free(struct netset **link)
{
	struct netset *gone = *link;

	*link = gone->next;
	address_set_free(&gone->set);
	free(gone);
}

/* So that there is something to fill. */
static int kernel_make(const char *id, struct error *err)
{
	cleanup_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return error_set(err, ENOMEM, "no memory for a set of addresses");
	commands_of_set(out, id);
	if (fclose(out) != 0)
		return error_set(err, ENOMEM, "no memory for a set of addresses");
	return firewall_run(text, err);
}

static int kernel_write(const char *id, const struct address_set *set, struct error *err)
{
	char names[2][COMMANDS_SET_NAME];

	commands_set_name(id, AF_INET, names[0]);
	commands_set_name(id, AF_INET6, names[1]);
	if (kernel_make(id, err) == -1 || fill_sets(names[0], names[1], set, err) == -1)
		return error_wrap(err, "cannot write the %zu networks of a set into the firewall", set->count);
	return 0;
}

int netset_set(const char *id, struct address_set *set, struct error *err)
{
	struct netset **link = netset_find(id), *fresh = *link == NULL ? calloc(1, sizeof *fresh) : *link;
	int result = fresh == NULL ? error_set(err, ENOMEM, "no memory for a set of addresses") : kernel_write(id, set, err);

	if (result == -1) {
		if (*link == NULL)
			free(fresh);
		address_set_free(set);
		return -1;
	}
	if (*link == NULL) {
		snprintf(fresh->id, sizeof fresh->id, "%.24s", id);
		fresh->next = netsets;
		netsets = fresh;
	}
	address_set_free(&fresh->set);
	fresh->set = *set;
	fresh->seen = true;
	*set = (struct address_set){ 0 };
	return 0;
}

int netset_forget(const char *id, struct error *err)
{
	char commands[256], names[2][COMMANDS_SET_NAME];
	struct netset **link = netset_find(id);

	commands_set_name(id, AF_INET, names[0]);
	commands_set_name(id, AF_INET6, names[1]);
	snprintf(commands, sizeof commands, "destroy set " COMMANDS_TABLE "%s\ndestroy set " COMMANDS_TABLE "%s\n", names[0], names[1]);
	if (firewall_run(commands, err) == -1)
		return error_wrap(err, "cannot take a set of addresses out of the firewall");
	if (*link != NULL)
		netset_free(link);
	return 0;
}

void netset_list_begin(void)
{
	for (struct netset *netset = netsets; netset != NULL; netset = netset->next)
		netset->seen = false;
}

void netset_list_end(void)
{
	for (struct netset **link = &netsets; *link != NULL;)
		if ((*link)->seen)
			link = &(*link)->next;
		else
			netset_free(link);
}

bool netset_known(const char *id)
{
	return *netset_find(id) != NULL;
}

bool netset_holds(const char *id, const struct cidr *address, void *data)
{
	const struct netset *netset = *netset_find(id);

	(void)data;
	return netset != NULL && address_set_holds(&netset->set, address);
}
