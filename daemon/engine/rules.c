/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/rules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/class.h"
#include "daemon/engine/reply.h"
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
	class_sweep_begin();
}

static void list_end(uint32_t count)
{
	if (!open_list)
		return;
	open_list = false;
	if (frames != count)
		log_error("the list of rules has %u entries, not %u as its end says; it is without effect", frames, count);
	else
		class_sweep_end();
}

static int set_load(int fd, struct ruleset *set, struct error *err)
{
	struct stat status;

	if (fd == -1 || fstat(fd, &status) == -1 || status.st_size > RULESET_BYTES_MAX)
		return error_set(err, EBADMSG, "rules came without their file, or in one that is too large");
	size_t size = (size_t)status.st_size;
	cleanup_free char *text = malloc(size + 1);
	if (text == NULL)
		return error_set(err, ENOMEM, "no memory for the rules of a container");
	if (pread(fd, text, size, 0) != (ssize_t)size)
		return error_set(err, EIO, "the file of rules cannot be read");
	cleanup_json json_t *object = json_parse(text, size, err);
	return object == NULL ? -1 : ruleset_read(object, set, err);
}

void rules_take(const struct message *message)
{
	const struct rules_message *rules = message->payload;
	struct class_member member = { .ipv4 = rules->ipv4 };
	struct ruleset set = { 0 };
	struct error err = ERROR_INIT;

	if (message->serial == 0 && rules->id[0] == '\0') {
		list_end(rules->count);
		return;
	}
	frames += message->serial == 0;
	memcpy(member.id, rules->id, sizeof member.id);
	memcpy(member.ipv6, rules->ipv6, sizeof member.ipv6);
	int result = id_valid(rules->id) ? 0 : error_field(&err, "id", "the id is not 24 hexadecimal digits");
	set.egress_open = rules->plain == 1;
	if (result == 0 && rules->plain != 1)
		result = set_load(message->fd, &set, &err);
	if (result == 0)
		result = class_apply(&member, &set, &err);
	reply_now(message->serial, result, &err);
}

void rules_count(const struct message *message)
{
	const struct container_id_message *id = message->payload;
	struct error err = ERROR_INIT;
	cleanup_fd int fd = class_count(id->id, &err);

	if (fd == -1)
		reply(message->serial, &err);
	else
		reply_file(MESSAGE_RULES_COUNT_REPLY, message->serial, NULL, 0, fd);
}
