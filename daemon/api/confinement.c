/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/confinement.h"

#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/protocol.h"

enum { CALLS_MAX = 64, CALL_MAX = 31, KIND_MAX = 15 };

static const char *const kinds[] = { [POLICY_DEFAULT] = "default", [POLICY_STRICT] = "strict", [POLICY_NESTING] = "nesting" };

static int kind_find(const char *name)
{
	for (int i = 0; i < POLICY_KINDS; i++)
		if (strcmp(kinds[i], name) == 0)
			return i;
	return -1;
}

static int read_it(json_t *seccomp, char kind[KIND_MAX + 1], json_t **ret_deny, struct error *err)
{
	const struct json_field fields[] = {
		{ "policy", JSON_KIND_STRING, false, 1, KIND_MAX, kind, NULL },
		{ "deny", JSON_KIND_ARRAY, false, 0, CALLS_MAX, ret_deny, NULL },
	};

	strcpy(kind, kinds[POLICY_DEFAULT]);
	*ret_deny = NULL;
	if (seccomp != NULL && json_read(seccomp, "seccomp", fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	if (kind_find(kind) == -1)
		return error_field(err, "seccomp.policy", "seccomp.policy is not default, strict or nesting");
	return 0;
}

int confinement_check(json_t *seccomp, struct error *err)
{
	char kind[KIND_MAX + 1], name[CALL_MAX + 1], field[48];
	json_t *deny;

	if (read_it(seccomp, kind, &deny, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(deny); i++) {
		snprintf(field, sizeof field, "seccomp.deny[%zu]", i);
		if (json_read_string(json_array_get(deny, i), field, 1, CALL_MAX, name, err) == -1)
			return -1;
		if (seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR)
			return error_field(err, field, "%s: there is no system call %s", field, name);
	}
	return 0;
}

json_t *confinement_whole(json_t *seccomp)
{
	json_t *policy = json_object_get(seccomp, "policy"), *deny = json_object_get(seccomp, "deny");

	return json_pack("{s:o, s:o}", "policy", policy == NULL ? json_string(kinds[POLICY_DEFAULT]) : json_incref(policy), "deny",
			 deny == NULL ? json_array() : json_incref(deny));
}

int confinement_fill(json_t *seccomp, struct container_message *message, struct error *err)
{
	char kind[KIND_MAX + 1];
	json_t *deny, *value;
	size_t i;

	if (read_it(seccomp, kind, &deny, err) == -1)
		return -1;
	message->policy = (uint32_t)kind_find(kind);
	json_array_foreach(deny, i, value) {
		const char *name = json_string_value(value);
		size_t size = name == NULL ? 0 : strlen(name) + 1;
		if (size < 2 || message->denied_size + size > sizeof message->denied)
			return error_field(err, "seccomp.deny", "the list of denied system calls is malformed");
		memcpy(message->denied + message->denied_size, name, size);
		message->denied_size += (uint32_t)size;
	}
	return 0;
}
