/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/rules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/class.h"
#include "daemon/engine/netset.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/subject.h"
#include "daemon/engine/sweep.h"
#include "daemon/lib/address_set.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/ruleset.h"

/* The truth under way: protocol.h says when a list counts. */
static struct list {
	const char *what;
	bool open, whole;
	uint32_t frames;
} sets = { .what = "address sets" }, rules = { .what = "rules" };

static void list_begin(struct list *list)
{
	list->open = true;
	list->whole = false;
	list->frames = 0;
}

/* Whether all of it was seen. */
static bool list_end(struct list *list, uint32_t count)
{
	if (list->open && list->frames != count)
		log_error("the list of %s has %u entries, not %u as its end says; it is without effect", list->what, list->frames, count);
	list->whole = list->open && list->frames == count;
	list->open = false;
	return list->whole;
}

void rules_begin(void)
{
	list_begin(&sets);
	list_begin(&rules);
	netset_list_begin();
	subject_list_begin();
}

static int addresses_load(int fd, struct address_set *set, struct error *err)
{
	cleanup_free char *bytes = NULL;
	size_t size;

	if (fd_memory_read(fd, ADDRESS_SET_MAX * sizeof *set->addresses, &bytes, &size, err) == -1)
		return -1;
	return address_set_load(bytes, size, set, err);
}

void rules_take_set(const struct message *message)
{
	const struct address_set_message *named = message->payload;
	struct address_set set = { 0 };
	struct error err = ERROR_INIT;
	int result = 0;

	if (message->serial == 0 && named->id[0] == '\0') {
		if (list_end(&sets, named->count))
			netset_list_end();
		return;
	}
	sets.frames += message->serial == 0;
	if (!id_valid(named->id))
		result = error_field(&err, "id", "an id is not 24 hexadecimal digits");
	else if (message->fd == -1)
		result = netset_forget(named->id, &err);
	else if (addresses_load(message->fd, &set, &err) == -1 || netset_set(named->id, &set, class_rewrite, &err) == -1)
		result = -1;
	if (result == 0)
		result = subject_review_set(named->id, &err);
	reply_now(message->serial, result, &err);
}

static int set_load(int fd, struct ruleset *set, struct error *err)
{
	cleanup_json json_t *object = json_read_fd(fd, RULESET_BYTES_MAX, err);

	return object == NULL ? -1 : ruleset_read(object, set, err);
}

void rules_take(const struct message *message)
{
	const struct rules_message *told = message->payload;
	struct subject_place where = { .ipv4 = told->ipv4 };
	struct ruleset set = { 0 };
	struct error err = ERROR_INIT;

	if (message->serial == 0 && told->id[0] == '\0') {
		if (list_end(&rules, told->count)) {
			subject_list_end();
			if (sets.whole)
				sweep_run();
		}
		return;
	}
	rules.frames += message->serial == 0;
	memcpy(where.groups.container, told->id, sizeof told->id);
	memcpy(where.groups.project, told->project, sizeof told->project);
	memcpy(where.groups.realm, told->realm, sizeof told->realm);
	memcpy(where.ipv6, told->ipv6, sizeof where.ipv6);
	bool valid = id_valid(told->id) && id_valid(told->project) && id_valid(told->realm);
	int result = valid ? 0 : error_field(&err, "id", "an id is not 24 hexadecimal digits");
	set.egress_open = told->plain == 1;
	if (result == 0 && told->plain != 1)
		result = set_load(message->fd, &set, &err);
	if (result == 0)
		result = subject_apply(&where, &set, &err);
	reply_now(message->serial, result, &err);
}

void rules_count(const struct message *message)
{
	const struct container_id_message *id = message->payload;
	struct error err = ERROR_INIT;
	cleanup_fd int fd = subject_count(id->id, &err);

	if (fd == -1)
		reply(message->serial, &err);
	else
		reply_file(MESSAGE_RULES_COUNT_REPLY, message->serial, NULL, 0, fd);
}
