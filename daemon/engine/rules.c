/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/rules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/reply.h"
#include "daemon/engine/subject.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/ruleset.h"

/* The truth under way: protocol.h says when a list counts. */
static bool open_list;
static uint32_t frames;

void rules_begin(void)
{
	open_list = true;
	frames = 0;
	subject_sweep_begin();
}

static void list_end(uint32_t count)
{
	if (!open_list)
		return;
	open_list = false;
	if (frames != count)
		log_error("the list of rules has %u entries, not %u as its end says; it is without effect", frames, count);
	else
		subject_sweep_end();
}

static int set_load(int fd, struct ruleset *set, struct error *err)
{
	cleanup_json json_t *object = json_read_fd(fd, RULESET_BYTES_MAX, err);

	return object == NULL ? -1 : ruleset_read(object, set, err);
}

void rules_take(const struct message *message)
{
	const struct rules_message *rules = message->payload;
	struct subject_place where = { .ipv4 = rules->ipv4 };
	struct ruleset set = { 0 };
	struct error err = ERROR_INIT;

	if (message->serial == 0 && rules->id[0] == '\0') {
		list_end(rules->count);
		return;
	}
	frames += message->serial == 0;
	memcpy(where.groups.container, rules->id, sizeof rules->id);
	memcpy(where.groups.project, rules->project, sizeof rules->project);
	memcpy(where.groups.realm, rules->realm, sizeof rules->realm);
	memcpy(where.ipv6, rules->ipv6, sizeof where.ipv6);
	bool valid = id_valid(rules->id) && id_valid(rules->project) && id_valid(rules->realm);
	int result = valid ? 0 : error_field(&err, "id", "an id is not 24 hexadecimal digits");
	set.egress_open = rules->plain == 1;
	if (result == 0 && rules->plain != 1)
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
