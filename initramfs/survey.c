/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/survey.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"
#include "initramfs/luks.h"
#include "initramfs/signature.h"

static void survey_tell(struct survey *survey, enum unlock_state state, const char *text)
{
	survey->state = state;
	snprintf(survey->message, sizeof survey->message, "%.399s", text);
}

/* Nothing bears LUKS: never used, somebody else's, or ours with its header overwritten? */
static void survey_without_luks(struct survey *survey, struct error *err)
{
	char signature[SIGNATURE_TEXT], text[400];
	bool marked;

	if (disk_is_marked(&survey->disk, &marked, err) == -1) {
		survey_tell(survey, UNLOCK_STATE_UNUSABLE, err->message);
		return;
	}
	if (marked) {
		snprintf(text, sizeof text,
			 "the LUKS header on %s is gone, though the partition was encrypted: it was overwritten; "
			 "nothing is formatted, restore the header from a backup",
			 survey->disk.data);
		survey_tell(survey, UNLOCK_STATE_CORRUPT, text);
		return;
	}
	if (signature_find(survey->disk.data, signature, err) == -1) {
		survey_tell(survey, UNLOCK_STATE_UNUSABLE, err->message);
		return;
	}
	if (signature[0] != '\0') {
		survey->foreign = true;
		snprintf(text, sizeof text,
			 "%s bears data of type %s that is not from this system; nothing is formatted; "
			 "'enroll --wipe' erases it for good",
			 survey->disk.data, signature);
		survey_tell(survey, UNLOCK_STATE_UNUSABLE, text);
		return;
	}
	snprintf(text, sizeof text, "first boot: %s is empty; set a passphrase with 'enroll'", survey->disk.data);
	survey_tell(survey, UNLOCK_STATE_NEW, text);
}

static void survey_data(struct survey *survey, struct error *err)
{
	enum luks_state state;
	char text[400];

	if (luks_probe(survey->disk.data, &state, err) == -1) {
		survey_tell(survey, UNLOCK_STATE_UNUSABLE, err->message);
		return;
	}
	switch (state) {
	case LUKS_STATE_NONE:
		survey_without_luks(survey, err);
		break;
	case LUKS_STATE_UNFINISHED:
		survey_tell(survey, UNLOCK_STATE_NEW,
			    "first boot: an enrolment was cut short; set a passphrase with 'enroll'");
		break;
	case LUKS_STATE_READY:
		snprintf(text, sizeof text, "%s is locked; waiting for the passphrase", survey->disk.data);
		survey_tell(survey, UNLOCK_STATE_LOCKED, text);
		break;
	case LUKS_STATE_NO_KEY_SLOT:
		snprintf(text, sizeof text, "the LUKS header on %s has no key slot; restore it from a backup",
			 survey->disk.data);
		survey_tell(survey, UNLOCK_STATE_NO_KEY_SLOT, text);
		break;
	case LUKS_STATE_DAMAGED:
		snprintf(text, sizeof text, "the LUKS header on %s is damaged; restore it from a backup",
			 survey->disk.data);
		survey_tell(survey, UNLOCK_STATE_CORRUPT, text);
		break;
	}
}

/* devtmpfs makes the nodes of new partitions a moment after the kernel has read the table. */
static int survey_find_data(struct survey *survey, struct error *err)
{
	for (int tries = 0; tries < 50; tries++) {
		if (disk_find(&survey->disk, err) == -1)
			return -1;
		if (survey->disk.data[0] != '\0' && access(survey->disk.data, F_OK) == 0)
			return 0;
		usleep(100 * 1000);
	}
	return error_set(err, ENODEV, "the new partition " DISK_LABEL_DATA " did not appear on %s", survey->disk.path);
}

void survey_run(const void *argument, int secret_fd, void *result)
{
	const bool *read_esp = argument;
	struct survey *survey = result;
	struct error err = ERROR_INIT;
	struct hostcfg cfg;

	(void)secret_fd;
	if (disk_find(&survey->disk, &err) == -1) {
		char text[400];
		snprintf(text, sizeof text, "no boot disk: %.300s; looking again every few seconds", err.message);
		survey_tell(survey, UNLOCK_STATE_NO_DISK, text);
		return;
	}
	if (survey->disk.candidates > 1)
		snprintf(survey->warning, sizeof survey->warning,
			 "%u disks bear a partition named " DISK_LABEL_ESP "; %s is used",
			 survey->disk.candidates, survey->disk.path);
	if (*read_esp) {
		if (esp_read(survey->disk.esp, &survey->esp, &err) == -1)
			snprintf(survey->warning, sizeof survey->warning, "%.250s", err.message);
		else
			survey->have_esp = true;
	}
	if (survey->disk.data[0] == '\0') {
		(void)hostcfg_load(ESP_CONFIG, &cfg, &err); /* on failure: the defaults, and PID 1 tells the error */
		if (disk_complete(&survey->disk, cfg.swap_mib, &err) == -1 || survey_find_data(survey, &err) == -1) {
			survey_tell(survey, UNLOCK_STATE_UNUSABLE, err.message);
			return;
		}
	}
	survey_data(survey, &err);
}
