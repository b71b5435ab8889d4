/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/container.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/address.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"

static struct container *table;
static unsigned table_size;

struct container *container_first(void)
{
	return table;
}

struct container *container_find(const char *id)
{
	for (struct container *c = table; c != NULL; c = c->next)
		if (strcmp(c->message.id, id) == 0)
			return c;
	return NULL;
}

bool container_idle(const struct container *c)
{
	return c->state == CONTAINER_STATE_STOPPED || c->state == CONTAINER_STATE_FAILED;
}

unsigned container_running(void)
{
	unsigned count = 0;

	for (struct container *c = table; c != NULL; c = c->next)
		count += !container_idle(c);
	return count;
}

bool container_realm_busy(const char *realm)
{
	for (struct container *c = table; c != NULL; c = c->next)
		if (!container_idle(c) && strcmp(c->message.realm, realm) == 0)
			return true;
	return false;
}

bool container_uses(const char *digest)
{
	for (struct container *c = table; c != NULL; c = c->next)
		for (uint32_t i = 0; i < c->message.layer_count && !c->revoked; i++)
			if (strcmp(c->message.layers[i], digest) == 0)
				return true;
	return false;
}

/* A label of a host name: letters, digits, and "-" inside (RFC 1123). */
static bool name_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || name[0] == '-' || name[length - 1] == '-')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static int environment_check(const struct container_message *message, struct error *err)
{
	if (!protocol_words_valid(message->environment, message->environment_size, ENVIRONMENT_MAX))
		return error_field(err, "environment", "the environment is malformed");
	for (uint32_t at = 0; at < message->environment_size;) {
		const char *entry = message->environment + at;
		const char *equals = strchr(entry, '=');
		/* liblxc fills an entry without "=" from the engine's own environment. */
		if (equals == NULL || equals == entry)
			return error_field(err, "environment", "'%.80s' is not of the form NAME=value", entry);
		if (strpbrk(entry, "\n\r") != NULL)
			return error_field(err, "environment", "a value holds a line break");
		at += (uint32_t)strlen(entry) + 1;
	}
	return 0;
}

static int limits_check(const struct container_message *message, struct error *err)
{
	if (message->memory_max != 0 && message->memory_max < 4 * 1024 * 1024)
		return error_field(err, "memory_max", "less than 4 MiB of memory starts nothing");
	if (message->memory_high != 0 && (message->memory_high < 4 * 1024 * 1024 || (message->memory_max != 0 && message->memory_high > message->memory_max)))
		return error_field(err, "memory_high", "less than 4 MiB, or more than memory_max");
	if (message->memory_max > INT64_MAX || message->memory_high > INT64_MAX || message->swap_max > INT64_MAX || message->disk_max > INT64_MAX)
		return error_field(err, "limits", "a limit is out of range");
	if (message->cpu_percent > 100 * 4096)
		return error_field(err, "cpu_percent", "a limit of more than 4096 CPUs is none");
	if (message->cpu_weight < 1 || message->cpu_weight > 10000)
		return error_field(err, "cpu_weight", "the weight is not within 1..10000");
	if (strspn(message->cpus, "0123456789,-") != strlen(message->cpus))
		return error_field(err, "cpus", "the list of CPUs is malformed");
	if (message->pids_max < 1 || message->pids_max > 4194304)
		return error_field(err, "pids_max", "the number of processes is not within 1..4194304");
	return 0;
}

static int neighbours_check(const struct container_message *message, struct error *err)
{
	for (struct container *c = table; c != NULL; c = c->next) {
		const struct container_message *other = &c->message;
		if (strcmp(other->id, message->id) == 0)
			continue;
		if (other->id_base == message->id_base)
			return error_field(err, "id_base", "the range of ids belongs to container %s", other->id);
		if (other->ipv4 == message->ipv4)
			return error_field(err, "ipv4", "the address belongs to container %s", other->id);
		if (memcmp(other->ipv6, message->ipv6, sizeof other->ipv6) == 0)
			return error_field(err, "ipv6", "the address belongs to container %s", other->id);
		if (strncmp(other->id, message->id, LINK_TEXT - 6) == 0)
			return error_field(err, "id", "the link name would be that of container %s", other->id);
	}
	return 0;
}

int container_check(const struct container_message *message, const struct hostcfg *cfg, struct error *err)
{
	if (!id_valid(message->id) || !id_valid(message->project) || !id_valid(message->realm))
		return error_field(err, "id", "an id is not 24 hexadecimal digits");
	if (!name_valid(message->name))
		return error_field(err, "name", "the name is not a host name label");
	if (message->layer_count < 1 || message->layer_count > CONTAINER_LAYERS_MAX)
		return error_field(err, "layers", "a container has 1 to %d layers", CONTAINER_LAYERS_MAX);
	for (uint32_t i = 0; i < message->layer_count; i++)
		if (!hex_valid(message->layers[i], DIGEST_TEXT - 1))
			return error_field(err, "layers", "a layer's digest is not 64 hexadecimal digits");
	if (message->wanted > CONTAINER_WANTED_RUNNING)
		return error_field(err, "wanted", "%u is not a wanted state", message->wanted);
	if (!protocol_words_valid(message->command, message->command_size, COMMAND_MAX) ||
	    (message->command_size > 0 && message->command[0] == '\0'))
		return error_field(err, "command", "the command is malformed");
	if (message->folder[0] != '\0' && message->folder[0] != '/')
		return error_field(err, "cwd", "the working folder is not an absolute path");
	if (strpbrk(message->folder, "\n\r") != NULL || strpbrk(message->user, "\n\r") != NULL)
		return error_field(err, "cwd", "user or working folder has a line break");
	if (message->policy >= POLICY_KINDS)
		return error_field(err, "policy", "%u is not a policy of system calls", message->policy);
	if (message->stop_signal > 64)
		return error_field(err, "stop_signal", "%u is not a signal", message->stop_signal);
	if (environment_check(message, err) == -1 || limits_check(message, err) == -1 ||
	    address_check_ids(message->id_base, err) == -1 ||
	    address_check4(&cfg->container_pool, message->ipv4, err) == -1 ||
	    address_check6(message->ipv6, err) == -1)
		return -1;
	return neighbours_check(message, err);
}

struct container *container_add(const struct container_message *message, const struct hostcfg *cfg, struct error *err)
{
	if (container_check(message, cfg, err) == -1)
		return NULL;
	if (table_size == CONTAINERS_MAX) {
		error_set(err, ENOSPC, "this host already has %d containers", CONTAINERS_MAX);
		return NULL;
	}
	struct container *c = calloc(1, sizeof *c);
	if (c == NULL) {
		error_set(err, ENOMEM, "no memory for another container");
		return NULL;
	}
	c->message = *message;
	c->state = CONTAINER_STATE_STOPPED;
	c->monitor_fd = c->init_fd = c->result_fd = -1;
	c->next = table;
	table = c;
	table_size++;
	return c;
}

void container_forget(struct container *container)
{
	for (struct container **at = &table; *at != NULL; at = &(*at)->next)
		if (*at == container) {
			*at = container->next;
			table_size--;
			free(container);
			return;
		}
}

void waiters_answer(struct waiter **list, void (*answer)(uint64_t serial, const struct error *err),
		    const struct error *err)
{
	while (*list != NULL) {
		struct waiter *waiter = *list;
		*list = waiter->next;
		answer(waiter->serial, err);
		free(waiter);
	}
}

int waiter_add(struct waiter **list, uint64_t serial, struct error *err)
{
	struct waiter *waiter = malloc(sizeof *waiter);

	if (waiter == NULL)
		return error_set(err, ENOMEM, "no memory to wait for a container");
	*waiter = (struct waiter){ .next = *list, .serial = serial };
	*list = waiter;
	return 0;
}
