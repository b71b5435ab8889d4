/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "initramfs/fingerprint.h"
#include "initramfs/network.h"
#include "initramfs/sshd.h"
#include "initramfs/version.h"

int64_t status_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void status_warn(struct status *status, const char *text)
{
	for (unsigned i = 0; i < status->warning_count; i++)
		if (strcmp(status->warnings[i], text) == 0)
			return;
	if (status->warning_count < STATUS_WARNINGS_MAX)
		snprintf(status->warnings[status->warning_count++], sizeof status->warnings[0], "%.299s", text);
}

const char *status_state_name(enum unlock_state state)
{
	switch (state) {
	case UNLOCK_STATE_STARTING: return "starting";
	case UNLOCK_STATE_NO_DISK: return "no_disk";
	case UNLOCK_STATE_UNUSABLE: return "unusable";
	case UNLOCK_STATE_NEW: return "new";
	case UNLOCK_STATE_LOCKED: return "locked";
	case UNLOCK_STATE_NO_KEY_SLOT: return "no_key_slot";
	case UNLOCK_STATE_CORRUPT: return "corrupt";
	case UNLOCK_STATE_OPENED: return "opened";
	case UNLOCK_STATE_DONE: return "done";
	}
	return "unknown";
}

/* A JSON string, whatever bytes a config or a disk put into the text. */
static json_t *text_json(const char *text)
{
	json_t *value = json_string(text);

	return value != NULL ? value : json_string("(not UTF-8)");
}

static json_t *warnings_json(const struct status *status)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < status->warning_count; i++)
		json_array_append_new(list, text_json(status->warnings[i]));
	return list;
}

static json_t *config_errors_json(const struct status *status)
{
	json_t *list = json_array();

	if (status->config_error[0] != '\0')
		json_array_append_new(list, text_json(status->config_error));
	return list;
}

static json_t *times_json(const struct status_times *times)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "agent", (json_int_t)times->agent, "disk",
			 (json_int_t)times->disk, "network", (json_int_t)times->network, "ssh",
			 (json_int_t)times->ssh, "unlocked", (json_int_t)times->unlocked, "hand_over",
			 (json_int_t)times->hand_over);
}

/*
 * "ssh 192.0.2.1 key-0" or "console ttyS0", as the client said in its greeting.
 * The key is told by its fingerprint and its comment in the host config.
 */
static json_t *origin_json(const struct status *status)
{
	char address[64] = "", fingerprint[FINGERPRINT_TEXT];
	size_t key;
	json_t *origin = json_object();

	if (sscanf(status->by.origin, "ssh %63s key-%zu", address, &key) == 2 && key < status->cfg->key_count) {
		const char *comment = strchr(status->cfg->keys[key], ' ');

		comment = comment != NULL ? strchr(comment + 1, ' ') : NULL;
		if (fingerprint_of_key(status->cfg->keys[key], fingerprint))
			json_object_set_new(origin, "key", json_string(fingerprint));
		json_object_set_new(origin, "key_comment", text_json(comment != NULL ? comment + 1 : ""));
	}
	if (strncmp(status->by.origin, "ssh ", 4) == 0) {
		json_object_set_new(origin, "via", json_string("ssh"));
		json_object_set_new(origin, "address", text_json(address[0] != '\0' ? address : status->by.origin + 4));
	} else {
		json_object_set_new(origin, "via", json_string("console"));
		json_object_set_new(origin, "console", text_json(strncmp(status->by.origin, "console ", 8) == 0
									  ? status->by.origin + 8
									  : status->by.origin));
	}
	return origin;
}

static char *dump(json_t *value)
{
	char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));

	json_decref(value);
	return text;
}

char *status_report(const struct status *status)
{
	const struct survey *survey = status->survey;

	return dump(json_pack(
		"{s:s, s:s, s:o, s:s, s:o, s:o, s:{s:i, s:i, s:f, s:b}, s:{s:b, s:i, s:i, s:s}, s:o, s:o, s:o}", //
		"version", BULKHEAD_VERSION, "state", status_state_name(survey->state), "message",
		text_json(survey->message), "disk", survey->disk.path, "config_errors", config_errors_json(status),
		"warnings", warnings_json(status), //
		"attempts", "failed", (int)attempt_failures_total(), "failed_in_a_row", (int)attempt_failures(),
		"wait_seconds", (double)attempt_wait_ms() / 1000, "running", attempt_is_running(), //
		"ssh", "running", sshd_is_running(), "port", (int)status->cfg->unlock_port, "keys",
		(int)status->cfg->key_count, "fingerprint", survey->esp.fingerprint, //
		"interfaces", network_report(), "unlocked_by", status->unlocked ? origin_json(status) : json_null(),
		"times_ms", times_json(&status->times)));
}

char *status_boot_record(const struct status *status)
{
	cleanup_free char *cmdline = NULL;
	struct error ignored;
	char stamp[32] = "";
	struct tm utc;
	time_t at = (time_t)status->unlocked_at;

	if (gmtime_r(&at, &utc) != NULL)
		strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
	if (file_read("/proc/cmdline", 8192, &cmdline, NULL, &ignored) == 0)
		cmdline[strcspn(cmdline, "\n")] = '\0';
	return dump(json_pack(
		"{s:i, s:s, s:o, s:s, s:b, s:b, s:I, s:i, s:b, s:o, s:o, s:o, s:o}", //
		"format", 1, "version", BULKHEAD_VERSION, "unlocked_by", origin_json(status), "unlocked_at", stamp,
		"enrolled", status->by.enrolled, "recovery_key_used", status->by.recovery_key, "key_derivation_ms",
		(json_int_t)status->by.milliseconds, "failed_attempts", (int)attempt_failures_total(), "swap",
		status->swap, "config_errors", config_errors_json(status), "warnings", warnings_json(status),
		"times_ms", times_json(&status->times), "kernel_command_line",
		text_json(cmdline != NULL ? cmdline : "")));
}
