/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/audit/journal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

enum {
	OPEN_MAX = 64,          /* segments open at a time */
	MEASURE_EVERY = 1000,   /* records */
	SEGMENT_RECORDS = 250000,
	PARTS = 16,             /* of a log: what its size is kept to */
	DETAIL_TEXT = 96,
};

static const int64_t segment_min = INT64_C(1) << 20, segment_max = INT64_C(64) << 20, day_us = INT64_C(86400000000);

static struct journal host = { .realm = RECORD_HOST, .mode = AUDIT_BLOCK, .bytes_max = AUDIT_BYTES_DEFAULT, .age_max_us = 0 };
struct journal *journals = &host;

void journal_init(void)
{
	host.age_max_us = AUDIT_DAYS_DEFAULT * day_us;
}

static void folder_of(const char *realm, char folder[SEGMENT_PATH_TEXT])
{
	snprintf(folder, SEGMENT_PATH_TEXT, AUDIT_FOLDER "/%s", realm);
}

struct journal *journal_find(const char *realm)
{
	for (struct journal *journal = journals; journal != NULL; journal = journal->next)
		if (strcmp(journal->realm, realm) == 0)
			return journal;
	return &host;
}

struct journal *journal_get(const char *realm, struct error *err)
{
	struct journal *journal = journal_find(realm);

	if (strcmp(journal->realm, realm) == 0)
		return journal;
	journal = calloc(1, sizeof *journal);
	if (journal == NULL) {
		error_set(err, ENOMEM, "no memory for the log of realm %s", realm);
		return NULL;
	}
	snprintf(journal->realm, sizeof journal->realm, "%s", realm);
	journal->bytes_max = AUDIT_BYTES_DEFAULT;
	journal->age_max_us = AUDIT_DAYS_DEFAULT * day_us;
	journal->next = host.next;
	host.next = journal;
	return journal;
}

void journal_unname(void)
{
	for (struct journal *journal = journals; journal != NULL; journal = journal->next)
		journal->named = journal == &host;
}

static void journal_close(struct journal *journal, bool finished)
{
	struct error err = ERROR_INIT;

	if (journal->segment.db == NULL)
		return;
	if (journal_commit(journal, &err) == -1)
		log_error("records of %s are lost: %s", journal->realm, err.message);
	segment_close(&journal->segment, finished);
}

void journal_forget(void)
{
	for (struct journal **link = &host.next; *link != NULL;) {
		struct journal *journal = *link;
		if (journal->named) {
			link = &journal->next;
			continue;
		}
		journal_close(journal, false);
		*link = journal->next;
		free(journal);
	}
}

void journal_close_all(void)
{
	for (struct journal *journal = journals; journal != NULL; journal = journal->next)
		journal_close(journal, false);
}

/* -- segments -- */

/* One more is about to be opened. */
static void room_make(void)
{
	struct journal *oldest = NULL;
	int open = 0;

	for (struct journal *journal = journals; journal != NULL; journal = journal->next) {
		if (journal->segment.db == NULL)
			continue;
		open++;
		if (oldest == NULL || journal->used < oldest->used)
			oldest = journal;
	}
	if (open >= OPEN_MAX)
		journal_close(oldest, false);
}

static int segment_begin(struct journal *journal, int64_t first, int64_t now_us, const uint8_t chain[CHAIN_BYTES], struct error *err)
{
	struct segment_name name = { .first = first, .time = now_us };
	char folder[SEGMENT_PATH_TEXT], path[SEGMENT_PATH_TEXT];

	folder_of(journal->realm, folder);
	segment_path(folder, &name, path);
	if (segment_create(path, journal->realm, first, now_us, chain, &journal->segment, err) == -1) {
		(void)unlink(path); /* on a full disk an empty file would be left */
		return -1;
	}
	journal->began = now_us;
	journal->measured = 0;
	return 0;
}

static int segment_resume(struct journal *journal, int64_t now_us, struct error *err)
{
	static const uint8_t nothing[CHAIN_BYTES];
	cleanup_free struct segment_name *names = NULL;
	char folder[SEGMENT_PATH_TEXT], path[SEGMENT_PATH_TEXT];
	size_t count;

	room_make();
	folder_of(journal->realm, folder);
	if (mkdir(folder, 0700) == -1 && errno != EEXIST)
		return error_errno(err, "cannot make %s", folder);
	if (segment_list(folder, &names, &count, err) == -1)
		return -1;
	if (count == 0)
		return segment_begin(journal, 1, now_us, nothing, err);
	const struct segment_name *last = &names[count - 1];
	segment_path(folder, last, path);
	if (segment_open(path, &journal->segment, err) == -1)
		return -1;
	if (journal->segment.count == 0) {
		journal->segment.seq = last->first - 1;
		journal->segment.time = last->time;
	}
	journal->began = last->time;
	journal->measured = 0;
	return 0;
}

/* The next record begins another file. */
static int segment_turn(struct journal *journal, int64_t now_us, struct error *err)
{
	int64_t seq = journal->segment.seq, time = journal->segment.time;
	uint8_t chain[CHAIN_BYTES];

	memcpy(chain, journal->segment.chain, sizeof chain);
	journal_close(journal, true);
	return segment_begin(journal, seq + 1, now_us > time ? now_us : time, chain, err);
}

static int64_t part_of(const struct journal *journal)
{
	int64_t part = journal->bytes_max / PARTS;

	return part < segment_min ? segment_min : part > segment_max ? segment_max : part;
}

static bool segment_full(struct journal *journal)
{
	if (journal->segment.count >= SEGMENT_RECORDS)
		return true;
	if (journal->segment.count - journal->measured < MEASURE_EVERY)
		return false;
	journal->measured = journal->segment.count;
	return segment_bytes(&journal->segment) >= part_of(journal);
}

/* -- writing -- */

static int lost_append(struct journal *journal, int64_t now_us, struct error *err)
{
	struct record record = record_make(journal->realm, "lost");
	char detail[DETAIL_TEXT];

	snprintf(detail, sizeof detail, "{\"records\":%lld,\"why\":\"they could not be written\"}", (long long)(journal->lost - journal->told));
	record.texts[RECORD_DETAIL] = detail;
	if (segment_append(&journal->segment, now_us, &record, err) == -1)
		return -1;
	journal->told = journal->lost;
	return 0;
}

int journal_append(struct journal *journal, const struct record *record, int64_t now_us, struct error *err)
{
	journal->used = now_us;
	if (journal->segment.db != NULL && !journal->segment.open && segment_full(journal) && segment_turn(journal, now_us, err) == -1)
		goto lost;
	if (journal->segment.db == NULL && segment_resume(journal, now_us, err) == -1)
		goto lost;
	if (record->again && segment_has(&journal->segment, record))
		return 0;
	if (journal->lost > journal->told && lost_append(journal, now_us, err) == -1)
		goto lost;
	if (segment_append(&journal->segment, now_us, record, err) == -1)
		goto lost;
	journal->pending++;
	/* Of a call of the API the change itself is durable, too. */
	journal->durable = journal->durable || (record->ack != 0 && (journal->mode == AUDIT_FAIL_CLOSED || strncmp(record->texts[RECORD_KIND], "call", 4) == 0));
	return 0;
lost:
	/* Those before it in the transaction went with it. */
	journal->lost += journal->pending + 1;
	journal->told = 0;
	journal->pending = 0;
	journal->failed = true;
	return -1;
}

int journal_commit(struct journal *journal, struct error *err)
{
	bool failed = journal->failed, durable = journal->durable;

	journal->failed = false;
	journal->durable = false;
	if (journal->pending > 0 && segment_commit(&journal->segment, durable, err) == -1) {
		journal->lost += journal->pending;
		journal->told = 0;
		journal->pending = 0;
		return -1;
	}
	journal->lost -= journal->told;
	journal->told = 0;
	journal->pending = 0;
	return failed ? error_set(err, ENOSPC, "a record could not be written") : 0;
}

/* -- retention -- */

static void folder_retain(const char *realm, struct journal *journal, int64_t cutoff_us, int64_t bytes_max)
{
	cleanup_free struct segment_name *names = NULL;
	char folder[SEGMENT_PATH_TEXT], path[SEGMENT_PATH_TEXT];
	struct error err = ERROR_INIT;
	int64_t total = 0;
	size_t count;
	struct stat st;

	folder_of(realm, folder);
	if (segment_list(folder, &names, &count, &err) == -1) {
		log_error("%s", err.message);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		segment_path(folder, &names[i], path);
		if (stat(path, &st) == 0)
			total += st.st_size;
	}
	/* The last one stays while the realm is there: it says where the next goes on. */
	for (size_t i = 0; i + (journal != NULL) < count; i++) {
		bool old = i + 1 < count && names[i + 1].time < cutoff_us;
		segment_path(folder, &names[i], path);
		if (i + 1 == count)
			old = stat(path, &st) == 0 && (int64_t)st.st_mtim.tv_sec * 1000000 < cutoff_us;
		if (!old && total <= bytes_max)
			break;
		if (stat(path, &st) == 0)
			total -= st.st_size;
		if (unlink(path) == -1 && errno != ENOENT)
			log_error("cannot remove %s: %s", path, strerror(errno));
	}
	(void)rmdir(folder); /* of a realm that is gone, when it is empty */
}

/* Turns in parts of the age, so that what is too old is in files of its own; also where nothing is written any more. */
static int age_turn(struct journal *journal, int64_t now_us, int64_t cutoff, struct error *err)
{
	if (journal->segment.db == NULL) {
		cleanup_free struct segment_name *names = NULL;
		char folder[SEGMENT_PATH_TEXT];
		size_t count;
		folder_of(journal->realm, folder);
		if (segment_list(folder, &names, &count, err) == -1)
			return -1;
		if (count == 0 || names[count - 1].time >= now_us - journal->age_max_us / PARTS)
			return 0;
		if (segment_resume(journal, now_us, err) == -1)
			return -1;
	}
	if (journal->segment.count == 0 || (journal->segment.time >= cutoff && journal->began >= now_us - journal->age_max_us / PARTS))
		return 0;
	return segment_turn(journal, now_us, err);
}

void journal_retain(int64_t now_us)
{
	struct error err = ERROR_INIT;
	DIR *open = opendir(AUDIT_FOLDER);
	struct dirent *entry;

	for (struct journal *journal = journals; journal != NULL; journal = journal->next) {
		int64_t cutoff = now_us - journal->age_max_us;
		if (age_turn(journal, now_us, cutoff, &err) == -1)
			log_error("the log of %s: %s", journal->realm, err.message);
		folder_retain(journal->realm, journal, cutoff, journal->bytes_max);
	}
	while (open != NULL && (entry = readdir(open)) != NULL)
		if (id_valid(entry->d_name) && strcmp(journal_find(entry->d_name)->realm, entry->d_name) != 0)
			folder_retain(entry->d_name, NULL, now_us - AUDIT_DAYS_DEFAULT * day_us, AUDIT_BYTES_DEFAULT);
	if (open != NULL)
		closedir(open);
}
