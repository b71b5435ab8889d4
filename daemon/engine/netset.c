/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/netset.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/commands.h"
#include "daemon/engine/fill.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"

enum { DIGEST_SHORT = 8 }; /* bytes of a content's SHA-256, beside the id */

struct netset {
	struct netset *next;
	char id[ID_TEXT];
	char digest[2 * DIGEST_SHORT + 1];
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

static void netset_free(struct netset *gone)
{
	address_set_free(&gone->set);
	free(gone);
}

/* a4_ID_DIGEST */
static void name_make(const struct netset *netset, uint8_t family, char name[NETSET_NAME])
{
	snprintf(name, NETSET_NAME, "a%c_%s_%s", family == AF_INET ? '4' : '6', netset->id, netset->digest);
}

static struct netset *netset_new(const char *id, struct address_set *set, struct error *err)
{
	struct netset *netset = calloc(1, sizeof *netset);
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (netset == NULL || EVP_Digest(set->addresses, address_set_size(set), digest, NULL, EVP_sha256(), NULL) != 1) {
		error_set(err, ENOMEM, "no memory for a set of addresses");
		address_set_free(set);
		free(netset);
		return NULL;
	}
	snprintf(netset->id, sizeof netset->id, "%.24s", id);
	hex_encode(digest, DIGEST_SHORT, netset->digest);
	netset->set = *set;
	netset->seen = true;
	*set = (struct address_set){ 0 };
	return netset;
}

/* Content of that name is there whole, or not at all. */
static int kernel_write(const struct netset *netset, struct error *err)
{
	char names[2][NETSET_NAME];
	struct error why = ERROR_INIT;

	name_make(netset, AF_INET, names[0]);
	name_make(netset, AF_INET6, names[1]);
	if (fill_sets(names[0], names[1], &netset->set, &why) == 0 || why.code == EEXIST)
		return 0;
	*err = why;
	return error_wrap(err, "cannot write the %zu networks of a set into the firewall", netset->set.count);
}

static int kernel_remove(const struct netset *netset, struct error *err)
{
	char commands[4 * NETSET_NAME], names[2][NETSET_NAME];

	name_make(netset, AF_INET, names[0]);
	name_make(netset, AF_INET6, names[1]);
	snprintf(commands, sizeof commands, "destroy set " COMMANDS_TABLE "%s\ndestroy set " COMMANDS_TABLE "%s\n", names[0], names[1]);
	if (firewall_run(commands, err) == -1)
		return error_wrap(err, "cannot take a set of addresses out of the firewall");
	return 0;
}

static void leftover_remove(struct netset *netset)
{
	struct error err = ERROR_INIT;

	if (kernel_remove(netset, &err) == -1)
		log_error("%s", err.message);
	netset_free(netset);
}

int netset_set(const char *id, struct address_set *set, netset_use_cb *use, struct error *err)
{
	struct netset **link = netset_find(id), *before = *link;
	struct netset *netset = netset_new(id, set, err);

	if (netset == NULL)
		return -1;
	if (before != NULL && strcmp(before->digest, netset->digest) == 0) {
		before->seen = true;
		netset_free(netset);
		return 0;
	}
	if (kernel_write(netset, err) == -1) {
		netset_free(netset);
		return -1;
	}
	netset->next = before == NULL ? NULL : before->next;
	*link = netset;
	if (use(id, err) == -1) {
		*link = before;
		leftover_remove(netset);
		return -1;
	}
	if (before != NULL)
		leftover_remove(before);
	return 0;
}

int netset_forget(const char *id, struct error *err)
{
	struct netset **link = netset_find(id), *gone = *link;

	if (gone == NULL)
		return 0;
	if (kernel_remove(gone, err) == -1)
		return -1;
	*link = gone->next;
	netset_free(gone);
	return 0;
}

void netset_list_begin(void)
{
	for (struct netset *netset = netsets; netset != NULL; netset = netset->next)
		netset->seen = false;
}

void netset_list_end(void)
{
	for (struct netset **link = &netsets; *link != NULL;) {
		struct netset *netset = *link;
		if (netset->seen) {
			link = &netset->next;
		} else {
			*link = netset->next;
			netset_free(netset);
		}
	}
}

bool netset_name(const char *id, uint8_t family, char name[NETSET_NAME])
{
	const struct netset *netset = *netset_find(id);

	if (netset != NULL)
		name_make(netset, family, name);
	return netset != NULL;
}

bool netset_named(const char *name)
{
	return (strncmp(name, "a4_", 3) == 0 || strncmp(name, "a6_", 3) == 0) && strlen(name) == 3 + ID_TEXT + 2 * DIGEST_SHORT;
}

bool netset_present(const char *name)
{
	char own[NETSET_NAME];

	for (const struct netset *netset = netsets; netset != NULL; netset = netset->next) {
		name_make(netset, name[1] == '4' ? AF_INET : AF_INET6, own);
		if (strcmp(own, name) == 0)
			return true;
	}
	return false;
}

bool netset_holds(const char *id, const struct cidr *address, void *data)
{
	const struct netset *netset = *netset_find(id);

	(void)data;
	return netset != NULL && address_set_holds(&netset->set, address);
}
