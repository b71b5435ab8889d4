/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/spec.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api/confinement.h"
#include "daemon/api/revival.h"
#include "daemon/api/services.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/protocol.h"

enum {
	COMMAND_WORDS_MAX = 256,
	CPU_PERCENT_MAX = 100 * 1024,
	CPU_WEIGHT_DEFAULT = 100,
	PIDS_DEFAULT = 4096,
	PIDS_MAX = 4194304,
	LABELS_MAX = 64,
	LABEL_NAME_MAX = 63,
	LABEL_VALUE_MAX = 255,
	START_ORDER_DEFAULT = 500,
	START_ORDER_MAX = 999,
	MEMORY_MIN = 4 << 20, /* less does not even start an init */
};

#define BYTES_MAX (INT64_C(1) << 50)

/* "0-3,7": numbers of CPUs that are there, in ranges that go up. */
static int cpus_check(const char *cpus, struct error *err)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	for (const char *at = cpus; *at != '\0';) {
		char *end;
		long first = strtol(at, &end, 10), last = first;
		bool whole = end != at && *at >= '0' && *at <= '9';
		if (whole && *end == '-') {
			at = end + 1;
			last = strtol(at, &end, 10);
			whole = end != at && *at >= '0' && *at <= '9';
		}
		if (!whole || (*end != '\0' && (*end != ',' || end[1] == '\0')) || last < first)
			return error_field(err, "limits.cpus", "limits.cpus is not a list of CPUs such as 0-3,7");
		if (last >= count)
			return error_field(err, "limits.cpus", "limits.cpus names CPU %ld; this host has 0 to %ld", last, count - 1);
		at = *end == ',' ? end + 1 : end;
	}
	return 0;
}

/* At most LABELS_MAX pairs; their names go into queries as they are. */
static int labels_check(json_t *labels, struct error *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-";
	char field[128];
	const char *key;
	json_t *value;

	if (json_object_size(labels) > LABELS_MAX)
		return error_field(err, "labels", "a container has at most %d labels", LABELS_MAX);
	json_object_foreach(labels, key, value) {
		snprintf(field, sizeof field, "labels.%.100s", key);
		size_t size = strlen(key);
		if (size == 0 || size > LABEL_NAME_MAX || strspn(key, allowed) != size)
			return error_field(err, field, "%s: a label's name has 1 to %d letters, digits, '.', '_', '/', '-'", field,
					   LABEL_NAME_MAX);
		if (!json_is_string(value) || json_string_length(value) > LABEL_VALUE_MAX ||
		    strlen(json_string_value(value)) != json_string_length(value))
			return error_field(err, field, "%s must be a string of at most %d bytes", field, LABEL_VALUE_MAX);
	}
	return 0;
}

/* What is not there stays. *ret_swap: whether swap was. */
static int limits_read(json_t *limits, struct spec *spec, bool *ret_swap, struct error *err)
{
	const struct json_field fields[] = {
		{ "memory_max", JSON_KIND_INTEGER, false, 0, BYTES_MAX, &spec->memory_max, NULL },
		{ "memory_high", JSON_KIND_INTEGER, false, 0, BYTES_MAX, &spec->memory_high, NULL },
		{ "swap_max", JSON_KIND_INTEGER, false, 0, BYTES_MAX, &spec->swap_max, ret_swap },
		{ "disk_max", JSON_KIND_INTEGER, false, 0, BYTES_MAX, &spec->disk_max, NULL },
		{ "cpu_percent", JSON_KIND_INTEGER, false, 0, CPU_PERCENT_MAX, &spec->cpu_percent, NULL },
		{ "cpu_weight", JSON_KIND_INTEGER, false, 1, 10000, &spec->cpu_weight, NULL },
		{ "pids_max", JSON_KIND_INTEGER, false, 1, PIDS_MAX, &spec->pids_max, NULL },
		{ "cpus", JSON_KIND_STRING, false, 0, CPUS_TEXT - 1, spec->cpus, NULL },
		{ "io_read_max", JSON_KIND_INTEGER, false, 0, BYTES_MAX, &spec->read_max, NULL },
		{ "io_write_max", JSON_KIND_INTEGER, false, 0, BYTES_MAX, &spec->write_max, NULL },
	};

	if (limits != NULL && json_read(limits, "limits", fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	if (cpus_check(spec->cpus, err) == -1)
		return -1;
	if (spec->memory_max != 0 && spec->memory_max < MEMORY_MIN)
		return error_field(err, "limits.memory_max", "limits.memory_max must be 0 (no limit) or at least %d bytes",
				   MEMORY_MIN);
	if (spec->memory_high != 0 && (spec->memory_high < MEMORY_MIN || (spec->memory_max != 0 && spec->memory_high > spec->memory_max)))
		return error_field(err, "limits.memory_high", "limits.memory_high must be 0 (a little below memory_max), or at least %d bytes and at most memory_max",
				   MEMORY_MIN);
	return 0;
}

static int word_add(const char *word, size_t size, const char *field, char *words, size_t room, uint32_t *used,
		    struct error *err)
{
	if (strlen(word) != size)
		return error_field(err, field, "%s has a NUL character", field);
	if (*used + size + 1 > room)
		return error_field(err, field, "%s is too long: all of it together may have %zu bytes", field, room);
	memcpy(words + *used, word, size + 1);
	*used += (uint32_t)size + 1;
	return 0;
}

int spec_command_pack(json_t *list, char *words, size_t room, uint32_t *ret_size, struct error *err)
{
	char field[32];
	uint32_t used = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *word = json_array_get(list, i);
		snprintf(field, sizeof field, "command[%zu]", i);
		if (!json_is_string(word))
			return error_field(err, field, "%s must be a string", field);
		if (i == 0 && json_string_length(word) == 0)
			return error_field(err, field, "%s, the program, is empty", field);
		if (word_add(json_string_value(word), json_string_length(word), field, words, room, &used, err) == -1)
			return -1;
	}
	*ret_size = used;
	return 0;
}

static bool variable_valid(const char *key)
{
	size_t size = strlen(key);

	return size > 0 && (key[0] < '0' || key[0] > '9') &&
	       strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == size;
}

int spec_variables_pack(json_t *object, char *words, size_t room, uint32_t *ret_size, struct error *err)
{
	char field[128];
	uint32_t used = 0;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) {
		size_t size = strlen(key);
		snprintf(field, sizeof field, "environment.%s", key);
		if (!json_is_string(value))
			return error_field(err, field, "%s must be a string", field);
		/* liblxc's configuration has one line for each. */
		if (strpbrk(json_string_value(value), "\n\r") != NULL)
			return error_field(err, field, "%s has a line break", field);
		/* "KEY=" goes in as a word first; the value then replaces its NUL. */
		if (used + size + 2 > room)
			return error_field(err, field, "the environment is longer than %zu bytes", room);
		memcpy(words + used, key, size);
		words[used + size] = '=';
		used += (uint32_t)size + 1;
		if (word_add(json_string_value(value), json_string_length(value), field, words, room, &used, err) == -1)
			return -1;
	}
	*ret_size = used;
	return 0;
}

int spec_environment_pack(json_t *object, char *words, size_t room, uint32_t *ret_size, struct error *err)
{
	char field[128];
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) {
		snprintf(field, sizeof field, "environment.%s", key);
		if (!variable_valid(key))
			return error_field(err, field, "%s is not a variable name (letters, digits, _)", field);
	}
	return spec_variables_pack(object, words, room, ret_size, err);
}

const char *spec_restart_name(int64_t restart)
{
	static const char *const names[] = { [REVIVAL_NO] = "no", [REVIVAL_ON_FAILURE] = "on-failure", [REVIVAL_ALWAYS] = "always" };

	return restart < 0 || restart > REVIVAL_ALWAYS ? NULL : names[restart];
}

static int64_t restart_parse(const char *text)
{
	const char *name;

	for (int64_t i = 0; (name = spec_restart_name(i)) != NULL; i++)
		if (strcmp(name, text) == 0)
			return i;
	return -1;
}

/* What is run in it, and how. */
static int program_check(const struct spec *spec, struct error *err)
{
	char words[ENVIRONMENT_MAX];
	uint32_t size;

	if (spec_command_pack(spec->command, words, COMMAND_MAX, &size, err) == -1 ||
	    spec_environment_pack(spec->environment, words, ENVIRONMENT_MAX, &size, err) == -1)
		return -1;
	if (spec->folder[0] != '\0' && spec->folder[0] != '/')
		return error_field(err, "cwd", "cwd is not an absolute path");
	return 0;
}

static int services_check(json_t *services, struct error *err)
{
	struct route_service list[ROUTE_SERVICES_MAX];
	uint16_t count;

	return services_read(services, list, &count, err);
}

int spec_read(json_t *body, struct spec *ret_spec, struct error *err)
{
	json_t *limits = NULL;
	char restart[32] = "no";
	bool swap = false;
	struct spec spec = { .start_order = START_ORDER_DEFAULT, .cpu_weight = CPU_WEIGHT_DEFAULT, .pids_max = PIDS_DEFAULT };
	const struct json_field fields[] = {
		{ "project", JSON_KIND_STRING, true, 1, ID_TEXT - 1, spec.project, NULL },
		{ "image", JSON_KIND_STRING, true, 1, NAME_MAX_IMAGE, spec.image, NULL },
		{ "name", JSON_KIND_STRING, true, 1, NAME_MAX_LABEL, spec.name, NULL },
		{ "command", JSON_KIND_ARRAY, false, 1, COMMAND_WORDS_MAX, &spec.command, NULL },
		{ "environment", JSON_KIND_OBJECT, false, 0, 0, &spec.environment, NULL },
		{ "limits", JSON_KIND_OBJECT, false, 0, 0, &limits, NULL },
		{ "port", JSON_KIND_INTEGER, false, 1, 65535, &spec.port, NULL },
		{ "services", JSON_KIND_ARRAY, false, 0, ROUTE_SERVICES_MAX, &spec.services, NULL },
		{ "user", JSON_KIND_STRING, false, 1, USER_TEXT - 1, spec.user, NULL },
		{ "cwd", JSON_KIND_STRING, false, 1, FOLDER_TEXT - 1, spec.folder, NULL },
		{ "restart", JSON_KIND_STRING, false, 1, sizeof restart - 1, restart, NULL },
		{ "labels", JSON_KIND_OBJECT, false, 0, 0, &spec.labels, NULL },
		{ "start_order", JSON_KIND_INTEGER, false, 0, START_ORDER_MAX, &spec.start_order, NULL },
		{ "seccomp", JSON_KIND_OBJECT, false, 0, 0, &spec.seccomp, NULL },
	};

	if (json_read(body, "", fields, sizeof fields / sizeof fields[0], err) == -1 || labels_check(spec.labels, err) == -1 ||
	    name_check(spec.name, "name", err) == -1 || confinement_check(spec.seccomp, err) == -1 || limits_read(limits, &spec, &swap, err) == -1 ||
	    program_check(&spec, err) == -1 || services_check(spec.services, err) == -1)
		return -1;
	/* As much swap as memory, unless said otherwise. */
	if (!swap)
		spec.swap_max = spec.memory_max == 0 ? SPEC_NO_LIMIT : spec.memory_max;
	spec.restart = restart_parse(restart);
	if (spec.restart == -1)
		return error_field(err, "restart", "restart is not no, on-failure or always");
	*ret_spec = spec;
	return 0;
}

int spec_change(json_t *body, struct spec *spec, struct error *err)
{
	struct spec changed = *spec;
	json_t *limits = NULL;
	char restart[32] = "";
	bool swap;
	const struct json_field fields[] = {
		{ "name", JSON_KIND_STRING, false, 1, NAME_MAX_LABEL, changed.name, NULL },
		{ "restart", JSON_KIND_STRING, false, 1, sizeof restart - 1, restart, NULL },
		{ "limits", JSON_KIND_OBJECT, false, 0, 0, &limits, NULL },
		{ "labels", JSON_KIND_OBJECT, false, 0, 0, &changed.labels, NULL },
		{ "start_order", JSON_KIND_INTEGER, false, 0, START_ORDER_MAX, &changed.start_order, NULL },
		{ "seccomp", JSON_KIND_OBJECT, false, 0, 0, &changed.seccomp, NULL },
		{ "port", JSON_KIND_INTEGER, false, 1, 65535, &changed.port, NULL },
		{ "services", JSON_KIND_ARRAY, false, 0, ROUTE_SERVICES_MAX, &changed.services, NULL },
		/* Empty ones: as the image says, again. */
		{ "command", JSON_KIND_ARRAY, false, 0, COMMAND_WORDS_MAX, &changed.command, NULL },
		{ "environment", JSON_KIND_OBJECT, false, 0, 0, &changed.environment, NULL },
		{ "user", JSON_KIND_STRING, false, 0, USER_TEXT - 1, changed.user, NULL },
		{ "cwd", JSON_KIND_STRING, false, 0, FOLDER_TEXT - 1, changed.folder, NULL },
	};

	if (json_read(body, "", fields, sizeof fields / sizeof fields[0], err) == -1 || labels_check(changed.labels, err) == -1 ||
	    name_check(changed.name, "name", err) == -1 || confinement_check(changed.seccomp, err) == -1 || limits_read(limits, &changed, &swap, err) == -1 ||
	    program_check(&changed, err) == -1 || services_check(changed.services, err) == -1)
		return -1;
	if (restart[0] != '\0')
		changed.restart = restart_parse(restart);
	if (changed.restart == -1)
		return error_field(err, "restart", "restart is not no, on-failure or always");
	*spec = changed;
	return 0;
}
