/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"

#include <errno.h>

#include "daemon/lib/protocol.h"

/* The size of every frame, written down a second time: a struct that grows by a slip shows here. */
static const struct {
	uint32_t type;
	size_t size;
} sizes[] = {
	{ MESSAGE_HELLO, sizeof(struct hello_message) },
	{ MESSAGE_RESULT, sizeof(struct result_message) },
	{ MESSAGE_HOST_STATUS, 0 },
	{ MESSAGE_HOST_STATUS_REPLY, sizeof(struct host_status_message) },
	{ MESSAGE_IMAGE_IMPORT, sizeof(struct image_message) },
	{ MESSAGE_IMAGE_DELETE, sizeof(struct image_message) },
	{ MESSAGE_IMAGE_SYNC, sizeof(struct image_message) },
	{ MESSAGE_CONTAINER_START, sizeof(struct container_message) },
	{ MESSAGE_CONTAINER_STOP, sizeof(struct container_stop_message) },
	{ MESSAGE_CONTAINER_REVOKE, sizeof(struct container_id_message) },
	{ MESSAGE_CONTAINER_DELETE, sizeof(struct container_id_message) },
	{ MESSAGE_CONTAINER_SYNC, sizeof(struct container_message) },
	{ MESSAGE_CONTAINER_STATE, sizeof(struct container_state_message) },
	{ MESSAGE_ROUTE_SET, sizeof(struct route_message) },
	{ MESSAGE_CONTAINER_CUT, sizeof(struct container_cut_message) },
	{ MESSAGE_ROUTE_DELETE, sizeof(struct route_message) },
	{ MESSAGE_ROUTE_SYNC, sizeof(struct route_message) },
	{ MESSAGE_EXEC, sizeof(struct exec_message) },
	{ MESSAGE_EXEC_REPLY, 0 },
	{ MESSAGE_EXEC_GO, 0 },
	{ MESSAGE_EXEC_END, sizeof(struct exec_end_message) },
	{ MESSAGE_IMAGE_CONTENT, sizeof(struct image_content_message) },
	{ MESSAGE_USAGE, sizeof(struct container_id_message) },
	{ MESSAGE_USAGE_REPLY, sizeof(struct usage_message) },
	{ MESSAGE_CONTAINER_CHANGE, sizeof(struct container_message) },
	{ MESSAGE_PULL_START, 0 },
	{ MESSAGE_PULL, sizeof(struct pull_message) },
	{ MESSAGE_PULL_PROGRESS, sizeof(struct pull_progress_message) },
	{ MESSAGE_MERGING, sizeof(struct container_id_message) },
	{ MESSAGE_MERGING_REPLY, sizeof(struct merging_message) },
	{ MESSAGE_UNPROFITABLE, sizeof(struct container_id_message) },
	{ MESSAGE_COMPACT, sizeof(struct compact_message) },
	{ MESSAGE_COMPACT_REPLY, sizeof(struct compact_reply_message) },
	{ MESSAGE_CONTAINER_FREEZE, sizeof(struct container_freeze_message) },
	{ MESSAGE_CONTAINER_CONSOLE, sizeof(struct container_id_message) },
	{ MESSAGE_COPY, sizeof(struct copy_message) },
	{ MESSAGE_EXPORT, sizeof(struct export_message) },
	{ MESSAGE_EXPORT_REPLY, sizeof(struct export_reply_message) },
	{ MESSAGE_COPY_REPLY, sizeof(struct copy_reply_message) },
	{ MESSAGE_SNAPSHOT_SYNC, sizeof(struct container_id_message) },
	{ MESSAGE_RULES, sizeof(struct rules_message) },
	{ MESSAGE_RULES_COUNT, sizeof(struct container_id_message) },
	{ MESSAGE_NAME_ASK, sizeof(struct name_ask_message) },
	{ MESSAGE_NAME_VERDICT, sizeof(struct name_verdict_message) },
	{ MESSAGE_NAME_FOUND, sizeof(struct name_found_message) },
	{ MESSAGE_ADDRESS_SET, sizeof(struct address_set_message) },
	{ MESSAGE_ACCESS, sizeof(struct access_message) },
	{ MESSAGE_RULES_COUNT_REPLY, 0 },
	{ MESSAGE_PERMISSIONS, sizeof(struct permissions_message) },
	{ MESSAGE_AUDIT, sizeof(struct audit_message) },
	{ MESSAGE_IDENTITY_KEY, sizeof(struct identity_key_message) },
	{ MESSAGE_AUDIT_QUERY, 0 },
	{ MESSAGE_AUDIT_REPLY, sizeof(struct audit_reply_message) },
	{ MESSAGE_PASSWORD_HASH, sizeof(struct password_message) },
	{ MESSAGE_PASSWORD_HASH_REPLY, sizeof(struct password_message) },
	{ MESSAGE_PASSWORD_VERIFY, sizeof(struct password_message) },
	{ MESSAGE_CERTIFICATE, 0 },
	{ MESSAGE_CERTIFICATE_SHOW, 0 },
	{ MESSAGE_CERTIFICATE_REPLY, 0 },
	{ MESSAGE_CERTIFICATE_TRY, 0 },
	{ MESSAGE_CERTIFICATE_USE, 0 },
};

static struct error err;
static unsigned char payload[65536];

static void the_table_is_whole(void **state)
{
	(void)state;
	assert_int_equal(COUNT(sizes), MESSAGE_TYPE_COUNT - 1);
}

static void zeros_of_the_right_size_pass(void **state)
{
	(void)state;
	memset(payload, 0, sizeof payload);
	for (size_t i = 0; i < COUNT(sizes); i++)
		assert_ok(protocol_check(sizes[i].type, payload, sizes[i].size, &err), &err);
}

static void every_other_size_fails(void **state)
{
	(void)state;
	memset(payload, 0, sizeof payload);
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (size_t size = 0; size <= 16384; size++) {
			if (size == sizes[i].size)
				continue;
			if (protocol_check(sizes[i].type, payload, size, &err) != -1)
				fail_msg("type %u took %zu bytes", sizes[i].type, size);
			assert_int_equal(err.code, EBADMSG);
		}
}

static void unknown_types_fail(void **state)
{
	(void)state;
	static const uint32_t types[] = { 0, MESSAGE_TYPE_COUNT, MESSAGE_TYPE_COUNT + 1, 1000, INT32_MAX, 1u << 31, UINT32_MAX };

	for (size_t i = 0; i < COUNT(types); i++) {
		assert_int_equal(protocol_check(types[i], payload, 0, &err), -1);
		assert_int_equal(err.code, EBADMSG);
	}
}

#define ENDLESS(type, struct_name, member) { type, sizeof(struct struct_name), offsetof(struct struct_name, member), \
	sizeof ((struct struct_name *)0)->member, #struct_name "." #member }

static void every_string_must_end(void **state)
{
	(void)state;
	static const struct {
		uint32_t type;
		size_t size, offset, room;
		const char *name;
	} strings[] = {
		ENDLESS(MESSAGE_RESULT, result_message, field),
		ENDLESS(MESSAGE_RESULT, result_message, message),
		ENDLESS(MESSAGE_HOST_STATUS_REPLY, host_status_message, kernel),
		ENDLESS(MESSAGE_IMAGE_IMPORT, image_message, digest),
		ENDLESS(MESSAGE_IMAGE_DELETE, image_message, digest),
		ENDLESS(MESSAGE_IMAGE_SYNC, image_message, digest),
		ENDLESS(MESSAGE_CONTAINER_START, container_message, id),
		ENDLESS(MESSAGE_CONTAINER_START, container_message, project),
		ENDLESS(MESSAGE_CONTAINER_START, container_message, realm),
		ENDLESS(MESSAGE_CONTAINER_START, container_message, name),
		ENDLESS(MESSAGE_CONTAINER_START, container_message, layers[0]),
		ENDLESS(MESSAGE_CONTAINER_START, container_message, layers[CONTAINER_LAYERS_MAX - 1]),
		ENDLESS(MESSAGE_CONTAINER_SYNC, container_message, id),
		ENDLESS(MESSAGE_CONTAINER_SYNC, container_message, layers[7]),
		ENDLESS(MESSAGE_CONTAINER_STOP, container_stop_message, id),
		ENDLESS(MESSAGE_CONTAINER_REVOKE, container_id_message, id),
		ENDLESS(MESSAGE_CONTAINER_DELETE, container_id_message, id),
		ENDLESS(MESSAGE_CONTAINER_STATE, container_state_message, id),
		ENDLESS(MESSAGE_CONTAINER_STATE, container_state_message, message),
		ENDLESS(MESSAGE_ROUTE_SET, route_message, label),
		ENDLESS(MESSAGE_ROUTE_SET, route_message, owner),
		ENDLESS(MESSAGE_ROUTE_SET, route_message, realm),
		ENDLESS(MESSAGE_PERMISSIONS, permissions_message, id),
		ENDLESS(MESSAGE_AUDIT, audit_message, id),
		ENDLESS(MESSAGE_PASSWORD_VERIFY, password_message, hash),
		ENDLESS(MESSAGE_PASSWORD_VERIFY, password_message, password),
		ENDLESS(MESSAGE_CONTAINER_CUT, container_cut_message, id),
		ENDLESS(MESSAGE_ROUTE_DELETE, route_message, label),
		ENDLESS(MESSAGE_ROUTE_SYNC, route_message, label),
		ENDLESS(MESSAGE_EXEC, exec_message, id),
		ENDLESS(MESSAGE_EXEC, exec_message, session),
		ENDLESS(MESSAGE_EXEC, exec_message, user),
		ENDLESS(MESSAGE_EXEC, exec_message, folder),
		ENDLESS(MESSAGE_EXEC_END, exec_end_message, field),
		ENDLESS(MESSAGE_EXEC_END, exec_end_message, message),
		ENDLESS(MESSAGE_CONTAINER_START, container_message, user),
		ENDLESS(MESSAGE_CONTAINER_START, container_message, folder),
		ENDLESS(MESSAGE_CONTAINER_CHANGE, container_message, cpus),
		ENDLESS(MESSAGE_IMAGE_CONTENT, image_content_message, digest),
		ENDLESS(MESSAGE_IMAGE_CONTENT, image_content_message, layers[CONTAINER_LAYERS_MAX - 1]),
		ENDLESS(MESSAGE_IMAGE_CONTENT, image_content_message, config.user),
		ENDLESS(MESSAGE_IMAGE_CONTENT, image_content_message, config.folder),
		ENDLESS(MESSAGE_USAGE, container_id_message, id),
		ENDLESS(MESSAGE_USAGE_REPLY, usage_message, id),
		ENDLESS(MESSAGE_PULL, pull_message, reference),
		ENDLESS(MESSAGE_PULL, pull_message, user),
		ENDLESS(MESSAGE_PULL, pull_message, password),
		ENDLESS(MESSAGE_PULL, pull_message, ca),
		ENDLESS(MESSAGE_PULL_PROGRESS, pull_progress_message, digest),
		ENDLESS(MESSAGE_RULES, rules_message, id),
	};

	for (size_t i = 0; i < COUNT(strings); i++) {
		memset(payload, 0, sizeof payload);
		memset(payload + strings[i].offset, 'x', strings[i].room);
		if (protocol_check(strings[i].type, payload, strings[i].size, &err) != -1)
			fail_msg("took an endless %s", strings[i].name);
		assert_int_equal(err.code, EBADMSG);
		payload[strings[i].offset + strings[i].room - 1] = '\0'; /* full to the brim is right */
		assert_ok(protocol_check(strings[i].type, payload, strings[i].size, &err), &err);
	}
}

static void container_words_are_bounded(void **state)
{
	(void)state;
	struct container_message *container = calloc(1, sizeof *container);
	static const struct {
		size_t at_size;
		size_t at_words;
		uint32_t max;
	} rows[] = {
		{ offsetof(struct container_message, command_size), offsetof(struct container_message, command), COMMAND_MAX },
		{ offsetof(struct container_message, environment_size), offsetof(struct container_message, environment),
		  ENVIRONMENT_MAX },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t *size = (uint32_t *)(void *)((char *)container + rows[i].at_size);
		char *words = (char *)container + rows[i].at_words;

		memcpy(words, "a\0b", 4);
		*size = 4;
		assert_ok(protocol_check(MESSAGE_CONTAINER_START, container, sizeof *container, &err), &err);
		*size = 3; /* cut before its NUL */
		assert_int_equal(protocol_check(MESSAGE_CONTAINER_START, container, sizeof *container, &err), -1);
		*size = rows[i].max;
		assert_ok(protocol_check(MESSAGE_CONTAINER_START, container, sizeof *container, &err), &err);
		*size = rows[i].max + 1;
		assert_int_equal(protocol_check(MESSAGE_CONTAINER_START, container, sizeof *container, &err), -1);
		*size = UINT32_MAX;
		assert_int_equal(protocol_check(MESSAGE_CONTAINER_SYNC, container, sizeof *container, &err), -1);
		*size = 0;
	}
	container->layer_count = CONTAINER_LAYERS_MAX;
	assert_ok(protocol_check(MESSAGE_CONTAINER_START, container, sizeof *container, &err), &err);
	container->layer_count = CONTAINER_LAYERS_MAX + 1;
	assert_int_equal(protocol_check(MESSAGE_CONTAINER_START, container, sizeof *container, &err), -1);
	free(container);
}

static void exec_words_are_bounded(void **state)
{
	(void)state;
	struct exec_message *exec = calloc(1, sizeof *exec);
	struct {
		uint32_t *size;
		char *words;
		uint32_t max;
	} rows[] = {
		{ &exec->command_size, exec->command, EXEC_COMMAND_MAX },
		{ &exec->environment_size, exec->environment, ENVIRONMENT_MAX },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		memcpy(rows[i].words, "a\0b", 4);
		*rows[i].size = 4;
		assert_ok(protocol_check(MESSAGE_EXEC, exec, sizeof *exec, &err), &err);
		*rows[i].size = 3;
		assert_int_equal(protocol_check(MESSAGE_EXEC, exec, sizeof *exec, &err), -1);
		*rows[i].size = rows[i].max + 1;
		assert_int_equal(protocol_check(MESSAGE_EXEC, exec, sizeof *exec, &err), -1);
		*rows[i].size = 0;
	}
	free(exec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_whole),
		cmocka_unit_test(exec_words_are_bounded),
		cmocka_unit_test(zeros_of_the_right_size_pass),
		cmocka_unit_test(every_other_size_fails),
		cmocka_unit_test(unknown_types_fail),
		cmocka_unit_test(every_string_must_end),
		cmocka_unit_test(container_words_are_bounded),
	};
	return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}
