/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/protocol.h"

#include <errno.h>
#include <string.h>

#include "daemon/lib/error.h"

enum { STRINGS_MAX = 10 };

struct text {
	size_t offset, size; /* of one char array; size 0 ends the list */
	size_t count;        /* arrays in a row */
};

#define TEXT(type, member) { offsetof(struct type, member), sizeof ((struct type *)0)->member, 1 }

struct layout {
	size_t size;
	struct text strings[STRINGS_MAX];
};

static const struct layout layouts[MESSAGE_TYPE_COUNT] = {
	[MESSAGE_HELLO] = { sizeof(struct hello_message), { { 0 } } },
	[MESSAGE_RESULT] = { sizeof(struct result_message),
			     { TEXT(result_message, field), TEXT(result_message, message) } },
	[MESSAGE_HOST_STATUS] = { 0, { { 0 } } },
	[MESSAGE_HOST_STATUS_REPLY] = { sizeof(struct host_status_message), { TEXT(host_status_message, kernel), TEXT(host_status_message, foreign_name) } },
	[MESSAGE_IMAGE_IMPORT] = { sizeof(struct image_message), { TEXT(image_message, digest) } },
	[MESSAGE_IMAGE_DELETE] = { sizeof(struct image_message), { TEXT(image_message, digest) } },
	[MESSAGE_IMAGE_SYNC] = { sizeof(struct image_message), { TEXT(image_message, digest) } },
	[MESSAGE_CONTAINER_STOP] = { sizeof(struct container_stop_message), { TEXT(container_stop_message, id) } },
	[MESSAGE_CONTAINER_REVOKE] = { sizeof(struct container_id_message), { TEXT(container_id_message, id) } },
	[MESSAGE_CONTAINER_DELETE] = { sizeof(struct container_id_message), { TEXT(container_id_message, id) } },
	[MESSAGE_CONTAINER_STATE] = { sizeof(struct container_state_message),
				      { TEXT(container_state_message, id), TEXT(container_state_message, message) } },
	[MESSAGE_ROUTE_SET] = { sizeof(struct route_message), { TEXT(route_message, label), TEXT(route_message, owner), TEXT(route_message, realm) } },
	[MESSAGE_ROUTE_DELETE] = { sizeof(struct route_message), { TEXT(route_message, label), TEXT(route_message, owner), TEXT(route_message, realm) } },
	[MESSAGE_ROUTE_SYNC] = { sizeof(struct route_message), { TEXT(route_message, label), TEXT(route_message, owner), TEXT(route_message, realm) } },
	[MESSAGE_PERMISSIONS] = { sizeof(struct permissions_message), { TEXT(permissions_message, id) } },
#define PASSWORD_LAYOUT { sizeof(struct password_message), { TEXT(password_message, hash), TEXT(password_message, password) } }
	[MESSAGE_PASSWORD_HASH] = PASSWORD_LAYOUT,
	[MESSAGE_PASSWORD_HASH_REPLY] = PASSWORD_LAYOUT,
	[MESSAGE_PASSWORD_VERIFY] = PASSWORD_LAYOUT,
	[MESSAGE_AUDIT] = { sizeof(struct audit_message), { TEXT(audit_message, id) } },
	[MESSAGE_IDENTITY_KEY] = { sizeof(struct identity_key_message), { { 0 } } },
	[MESSAGE_AUDIT_QUERY] = { 0, { { 0 } } },
	[MESSAGE_AUDIT_REPLY] = { sizeof(struct audit_reply_message), { { 0 } } },
	[MESSAGE_CERTIFICATE] = { 0, { { 0 } } },
	[MESSAGE_CERTIFICATE_SHOW] = { 0, { { 0 } } },
	[MESSAGE_CERTIFICATE_REPLY] = { 0, { { 0 } } },
	[MESSAGE_CERTIFICATE_TRY] = { 0, { { 0 } } },
	[MESSAGE_CERTIFICATE_USE] = { 0, { { 0 } } },
	[MESSAGE_CONTAINER_CUT] = { sizeof(struct container_cut_message), { TEXT(container_cut_message, id) } },
	[MESSAGE_IMAGE_CONTENT] = { sizeof(struct image_content_message),
				    { TEXT(image_content_message, digest), TEXT(image_content_message, config.user),
				      TEXT(image_content_message, config.folder), TEXT(image_content_message, settings),
				      { offsetof(struct image_content_message, layers), DIGEST_TEXT, CONTAINER_LAYERS_MAX } } },
	[MESSAGE_USAGE] = { sizeof(struct container_id_message), { TEXT(container_id_message, id) } },
	[MESSAGE_USAGE_REPLY] = { sizeof(struct usage_message), { TEXT(usage_message, id) } },
	[MESSAGE_PULL_START] = { 0, { { 0 } } },
	[MESSAGE_PULL] = { sizeof(struct pull_message),
			   { TEXT(pull_message, reference), TEXT(pull_message, user), TEXT(pull_message, password),
			     TEXT(pull_message, ca) } },
	[MESSAGE_PULL_PROGRESS] = { sizeof(struct pull_progress_message), { TEXT(pull_progress_message, digest) } },
	[MESSAGE_MERGING] = { sizeof(struct container_id_message), { TEXT(container_id_message, id) } },
	[MESSAGE_MERGING_REPLY] = { sizeof(struct merging_message), { TEXT(merging_message, id) } },
	[MESSAGE_UNPROFITABLE] = { sizeof(struct container_id_message), { TEXT(container_id_message, id) } },
	[MESSAGE_COMPACT] = { sizeof(struct compact_message), { TEXT(compact_message, realm) } },
	[MESSAGE_COMPACT_REPLY] = { sizeof(struct compact_reply_message), { { 0 } } },
	[MESSAGE_CONTAINER_FREEZE] = { sizeof(struct container_freeze_message), { TEXT(container_freeze_message, id) } },
	[MESSAGE_CONTAINER_CONSOLE] = { sizeof(struct container_id_message), { TEXT(container_id_message, id) } },
#define CONTAINER_LAYOUT \
	{ \
		sizeof(struct container_message), \
		{ \
			TEXT(container_message, id), TEXT(container_message, project), \
			TEXT(container_message, realm), TEXT(container_message, name), \
			{ offsetof(struct container_message, layers), DIGEST_TEXT, CONTAINER_LAYERS_MAX }, \
			TEXT(container_message, user), TEXT(container_message, folder), TEXT(container_message, cpus), \
		} \
	}
	[MESSAGE_EXPORT] = { sizeof(struct export_message),
			     { TEXT(export_message, id), { offsetof(struct export_message, layers), DIGEST_TEXT, CONTAINER_LAYERS_MAX },
			       TEXT(export_message, config), TEXT(export_message, settings) } },
	[MESSAGE_EXPORT_REPLY] = { sizeof(struct export_reply_message), { { 0 } } },
	[MESSAGE_COPY] = { sizeof(struct copy_message), { TEXT(copy_message, from), TEXT(copy_message, to) } },
	[MESSAGE_COPY_REPLY] = { sizeof(struct copy_reply_message), { { 0 } } },
	[MESSAGE_RULES] = { sizeof(struct rules_message),
			    { TEXT(rules_message, id), TEXT(rules_message, project), TEXT(rules_message, realm) } },
	[MESSAGE_NAME_ASK] = { sizeof(struct name_ask_message), { TEXT(name_ask_message, name) } },
	[MESSAGE_NAME_VERDICT] = { sizeof(struct name_verdict_message), { { 0 } } },
	[MESSAGE_NAME_FOUND] = { sizeof(struct name_found_message), { TEXT(name_found_message, name) } },
	[MESSAGE_ADDRESS_SET] = { sizeof(struct address_set_message), { TEXT(address_set_message, id) } },
	[MESSAGE_ACCESS] = { sizeof(struct access_message), { { 0 } } },
	[MESSAGE_RULES_COUNT] = { sizeof(struct container_id_message), { TEXT(container_id_message, id) } },
	[MESSAGE_RULES_COUNT_REPLY] = { 0, { { 0 } } },
	[MESSAGE_SNAPSHOT_SYNC] = { sizeof(struct container_id_message), { TEXT(container_id_message, id) } },
	[MESSAGE_EXEC] = { sizeof(struct exec_message),
			   { TEXT(exec_message, id), TEXT(exec_message, session), TEXT(exec_message, user),
			     TEXT(exec_message, folder) } },
	[MESSAGE_EXEC_REPLY] = { 0, { { 0 } } },
	[MESSAGE_EXEC_GO] = { 0, { { 0 } } },
	[MESSAGE_EXEC_END] = { sizeof(struct exec_end_message),
			       { TEXT(exec_end_message, field), TEXT(exec_end_message, message) } },
	[MESSAGE_CONTAINER_START] = CONTAINER_LAYOUT,
	[MESSAGE_CONTAINER_SYNC] = CONTAINER_LAYOUT,
	[MESSAGE_CONTAINER_CHANGE] = CONTAINER_LAYOUT,
};

bool protocol_words_valid(const char *words, size_t used, size_t room)
{
	return used <= room && (used == 0 || words[used - 1] == '\0');
}

static int words_check(const char *words, size_t used, size_t room, const char *what, struct error *err)
{
	if (!protocol_words_valid(words, used, room))
		return error_set(err, EBADMSG, "a frame has a malformed %s", what);
	return 0;
}

static int container_check(const struct container_message *container, struct error *err)
{
	if (container->layer_count > CONTAINER_LAYERS_MAX)
		return error_set(err, EBADMSG, "a container frame has %u layers", container->layer_count);
	if (words_check(container->command, container->command_size, COMMAND_MAX, "command", err) == -1)
		return -1;
	if (words_check(container->denied, container->denied_size, DENIED_MAX, "list of system calls", err) == -1)
		return -1;
	return words_check(container->environment, container->environment_size, ENVIRONMENT_MAX, "environment", err);
}

static int exec_check(const struct exec_message *exec, struct error *err)
{
	if (words_check(exec->command, exec->command_size, EXEC_COMMAND_MAX, "command", err) == -1)
		return -1;
	return words_check(exec->environment, exec->environment_size, ENVIRONMENT_MAX, "environment", err);
}

static int content_check(const struct image_content_message *content, struct error *err)
{
	if (content->layer_count > CONTAINER_LAYERS_MAX)
		return error_set(err, EBADMSG, "an image frame has %u layers", content->layer_count);
	if (words_check(content->config.command, content->config.command_size, COMMAND_MAX, "command", err) == -1)
		return -1;
	return words_check(content->config.environment, content->config.environment_size, ENVIRONMENT_MAX, "environment", err);
}

int protocol_check(uint32_t type, const void *payload, size_t size, struct error *err)
{
	if (type == 0 || type >= MESSAGE_TYPE_COUNT)
		return error_set(err, EBADMSG, "a frame has the unknown type %u", type);

	const struct layout *layout = &layouts[type];
	if (size != layout->size)
		return error_set(err, EBADMSG, "a frame of type %u has %zu bytes, not %zu", type, size, layout->size);

	for (const struct text *text = layout->strings; text < layout->strings + STRINGS_MAX && text->size > 0; text++)
		for (size_t i = 0; i < text->count; i++)
			if (memchr((const char *)payload + text->offset + i * text->size, '\0', text->size) == NULL)
				return error_set(err, EBADMSG, "a frame of type %u has an endless string", type);

	if (type == MESSAGE_CONTAINER_START || type == MESSAGE_CONTAINER_SYNC || type == MESSAGE_CONTAINER_CHANGE)
		return container_check(payload, err);
	if (type == MESSAGE_EXEC)
		return exec_check(payload, err);
	if (type == MESSAGE_IMAGE_CONTENT)
		return content_check(payload, err);
	return 0;
}
