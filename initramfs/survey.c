/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/survey.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"
#include "initramfs/luks.h"
#include "initramfs/signature.h"
#include "initramfs/table.h"

enum { SETTLE_MS = 6000 };

static void survey_tell(struct survey *survey, enum unlock_state state, const char *text)
{
	survey->state = state;
	snprintf(survey->message, sizeof survey->message, "%.399s", text);
}

/* Somebody else's data lies there; nothing is done before it is erased by request. */
static void survey_foreign(struct survey *survey, const char *device, const char *signature)
{
	char text[400];

	survey->wipeable = true;
	snprintf(text, sizeof text,
		 "%s bears data of type %s that is not from this system; nothing is formatted; "
		 "'enroll --wipe' erases it for good",
		 device, signature);
	survey_tell(survey, UNLOCK_STATE_UNUSABLE, text);
}

/* A passphrase may be set. Swap is looked at, too: it would be refused at every boot to come. */
static void survey_new(struct survey *survey, const char *why, struct error *err)
{
	char signature[SIGNATURE_TEXT] = "", text[400];

	if (survey->disk.swap[0] != '\0' && signature_find(survey->disk.swap, signature, err) == -1) {
		survey_tell(survey, UNLOCK_STATE_UNUSABLE, err->message);
		return;
	}
	if (signature[0] != '\0') {
		survey_foreign(survey, survey->disk.swap, signature);
		return;
	}
	snprintf(text, sizeof text, "first boot: %s; set a passphrase with 'enroll'", why);
	survey_tell(survey, UNLOCK_STATE_NEW, text);
}

/* Nothing bears LUKS2: never used, somebody else's, or ours with its header overwritten? */
static void survey_without_luks(struct survey *survey, bool marked, struct error *err)
{
	char signature[SIGNATURE_TEXT], text[400];

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
		survey_foreign(survey, survey->disk.data, signature);
		return;
	}
	snprintf(text, sizeof text, "%s is empty", survey->disk.data);
	survey_new(survey, text, err);
}

/* LUKS2 is there. Without the mark it lay there before the disk was flashed, or an older agent enrolled it. */
static void survey_with_luks(struct survey *survey, enum unlock_state state, const char *what, bool marked)
{
	char text[400];

	survey->wipeable = !marked;
	snprintf(text, sizeof text, "%s%s", what,
		 marked ? ""
			: "; it lay there before the disk was flashed, or is of an older version: "
			  "'enroll --wipe' erases it for good");
	survey_tell(survey, state, text);
}

static void survey_data(struct survey *survey, struct error *err)
{
	enum luks_state state;
	char text[200];
	bool marked;

	if (luks_probe(survey->disk.data, &state, err) == -1) {
		survey_tell(survey, UNLOCK_STATE_UNUSABLE, err->message);
		return;
	}
	if (table_is_marked(&survey->disk, &marked, err) == -1) {
		if (state == LUKS_STATE_NONE) {
			survey_tell(survey, UNLOCK_STATE_UNUSABLE, err->message);
			return;
		}
		marked = true; /* what can be opened is opened, whatever the table says; nothing is erased */
	}
	switch (state) {
	case LUKS_STATE_NONE:
		survey_without_luks(survey, marked, err);
		break;
	case LUKS_STATE_UNFINISHED:
		survey_new(survey, "an enrolment was cut short", err);
		break;
	case LUKS_STATE_READY:
		snprintf(text, sizeof text, "%s is locked; waiting for the passphrase", survey->disk.data);
		survey_with_luks(survey, UNLOCK_STATE_LOCKED, text, marked);
		break;
	case LUKS_STATE_NO_KEY_SLOT:
		snprintf(text, sizeof text, "the LUKS header on %s has no key slot; restore it from a backup",
			 survey->disk.data);
		survey_with_luks(survey, UNLOCK_STATE_NO_KEY_SLOT, text, marked);
		break;
	case LUKS_STATE_DAMAGED:
		snprintf(text, sizeof text, "the LUKS header on %s is damaged; restore it from a backup",
			 survey->disk.data);
		survey_with_luks(survey, UNLOCK_STATE_CORRUPT, text, marked);
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

/* A power cut may have torn one copy of the table; with the other gone as well, so would be every partition. */
static void survey_repair(struct survey *survey)
{
	struct error err = ERROR_INIT;
	bool repaired;

	if (table_repair(&survey->disk, &repaired, &err) == -1)
		snprintf(survey->warning, sizeof survey->warning, "%.250s", err.message);
	else if (repaired)
		snprintf(survey->warning, sizeof survey->warning,
			 "one copy of the partition table on %s was damaged; it was written anew from the other",
			 survey->disk.path);
}

/*
 * Before the table of a disk is written for the first time: disks are found one
 * after the other, and the one that is in use may be late.
 */
static void survey_settle(void)
{
	int64_t left = SETTLE_MS - clock_ms(); /* it counts from the start of the kernel */

	if (left > 0)
		usleep((useconds_t)left * 1000);
}

static int survey_find_disk(struct survey *survey, struct error *err)
{
	if (disk_find(&survey->disk, err) == 0)
		return 0;
	char text[400];
	snprintf(text, sizeof text, "no boot disk: %.300s; looking again every few seconds", err->message);
	survey_tell(survey, UNLOCK_STATE_NO_DISK, text);
	return -1;
}

void survey_esp(const void *argument, int secret_fd, void *result)
{
	struct survey *survey = result;
	struct error err = ERROR_INIT;

	(void)argument, (void)secret_fd;
	if (survey_find_disk(survey, &err) == -1)
		return;
	survey_tell(survey, UNLOCK_STATE_STARTING, "looking at the disk");
	if (esp_read(survey->disk.esp, &survey->esp, &err) == -1)
		snprintf(survey->warning, sizeof survey->warning, "%.250s", err.message);
	else
		survey->have_esp = true;
}

void survey_run(const void *argument, int secret_fd, void *result)
{
	struct survey *survey = result;
	struct error err = ERROR_INIT;
	struct hostcfg cfg;

	(void)argument, (void)secret_fd;
	if (survey_find_disk(survey, &err) == -1)
		return;
	if (survey->disk.data[0] == '\0') {
		survey_settle();
		if (survey_find_disk(survey, &err) == -1)
			return;
	}
	if (survey->disk.candidates > 1)
		snprintf(survey->warning, sizeof survey->warning,
			 "%u disks bear a partition named " DISK_LABEL_ESP "; %s is used",
			 survey->disk.candidates, survey->disk.path);
	if (survey->disk.data[0] == '\0' && survey->disk.rival[0] != '\0') {
		char text[400];
		snprintf(text, sizeof text,
			 "%s and %s were both flashed and neither was used: nothing is made on either; "
			 "wipe the partition table of one in a rescue system",
			 survey->disk.path, survey->disk.rival);
		survey_tell(survey, UNLOCK_STATE_UNUSABLE, text);
		return;
	}
	if (survey->disk.data[0] != '\0') {
		survey_repair(survey);
	} else {
		(void)hostcfg_load(ESP_CONFIG, &cfg, &err); /* on failure: the defaults, and PID 1 tells the error */
		if (table_complete(&survey->disk, cfg.swap_mib, &err) == -1 || survey_find_data(survey, &err) == -1) {
			survey_tell(survey, UNLOCK_STATE_UNUSABLE, err.message);
			return;
		}
	}
	survey_data(survey, &err);
}
