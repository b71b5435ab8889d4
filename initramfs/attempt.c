/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/attempt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/secret.h"
#include "initramfs/delay.h"
#include "initramfs/luks.h"
#include "initramfs/notice.h"
#include "initramfs/server.h"
#include "initramfs/signature.h"
#include "initramfs/table.h"
#include "initramfs/work.h"

struct attempt {
	uint64_t client;
	char origin[UNLOCK_ORIGIN_MAX];
	struct secret *passphrase;
	bool enroll, wipe;
	struct disk disk;    /* as of its start, for the worker */
	bool wipeable;
	int64_t started;
};

struct attempt_reply {
	enum unlock_code code;
	bool recovery_key;
	char recovery[RECOVERY_TEXT];
	char message[400];
};

static struct {
	struct loop *loop;
	struct attempt_hooks hooks;
	struct loop_source *timer;
	struct attempt queue[ATTEMPT_QUEUE_MAX]; /* [0] is the next, or the running one */
	size_t count;
	bool running;
	unsigned failures, failures_total;
	int64_t not_before; /* ms of the monotonic clock */
} attempts;

static void attempt_next(void);

unsigned attempt_failures(void)
{
	return attempts.failures;
}

unsigned attempt_failures_total(void)
{
	return attempts.failures_total;
}

int64_t attempt_wait_ms(void)
{
	int64_t wait = attempts.not_before - clock_ms();

	return wait > 0 ? wait : 0;
}

bool attempt_is_running(void)
{
	return attempts.running;
}

static void attempt_drop_first(void)
{
	secret_free(attempts.queue[0].passphrase);
	attempts.count--;
	memmove(&attempts.queue[0], &attempts.queue[1], attempts.count * sizeof attempts.queue[0]);
}

/* --- in the worker --- */

/* Erases what the survey found, unless the disk has been marked as ours since. */
static int attempt_wipe(const struct attempt *attempt, struct error *err)
{
	enum luks_state state;
	bool marked;

	if (luks_probe(attempt->disk.data, &state, err) == -1)
		return -1;
	if (attempt->wipeable && state != LUKS_STATE_UNFINISHED) {
		if (table_is_marked(&attempt->disk, &marked, err) == -1)
			return -1;
		if (marked)
			return error_set(err, EEXIST, "%s was encrypted by this system; nothing is erased",
					 attempt->disk.data);
		if (signature_wipe(attempt->disk.data, err) == -1)
			return -1;
	}
	return attempt->disk.swap[0] == '\0' ? 0 : signature_wipe(attempt->disk.swap, err);
}

static enum unlock_code attempt_enroll(const struct attempt *attempt, const struct secret *passphrase,
				       char recovery[RECOVERY_TEXT], struct error *err)
{
	char signature[SIGNATURE_TEXT] = "";
	enum luks_state state;

	if (attempt->wipe && attempt_wipe(attempt, err) == -1)
		return UNLOCK_CODE_INTERNAL;
	/* Looked at again, now: nothing may lie between the question and the format. */
	if (luks_probe(attempt->disk.data, &state, err) == -1 ||
	    (state != LUKS_STATE_UNFINISHED && signature_find(attempt->disk.data, signature, err) == -1))
		return UNLOCK_CODE_INTERNAL;
	if (signature[0] != '\0') {
		error_set(err, EEXIST, "%s bears %s data; nothing is formatted", attempt->disk.data, signature);
		return UNLOCK_CODE_INTERNAL;
	}
	return luks_format(attempt->disk.data, passphrase, recovery, err);
}

static void attempt_work(const void *argument, int secret_fd, void *result)
{
	const struct attempt *attempt = argument;
	struct attempt_reply *reply = result;
	struct error err = ERROR_INIT;

	reply->code = UNLOCK_CODE_INTERNAL;
	cleanup_secret struct secret *passphrase = secret_new(UNLOCK_PASSPHRASE_MAX, &err);
	if (passphrase != NULL && secret_read(passphrase, secret_fd, &err) == 0)
		reply->code = attempt->enroll
				      ? attempt_enroll(attempt, passphrase, reply->recovery, &err)
				      : luks_open(attempt->disk.data, passphrase, &reply->recovery_key, &err);
	snprintf(reply->message, sizeof reply->message, "%s", err.message);
}

/* --- in PID 1 --- */

static void attempt_progress(const char *text, void *data)
{
	(void)data;
	server_send(attempts.queue[0].client, UNLOCK_TYPE_PROGRESS, 0, text);
}

static void attempt_failed(const struct attempt *attempt, const struct attempt_reply *reply)
{
	switch (reply->code) {
	case UNLOCK_CODE_WRONG:
		attempts.failures++;
		attempts.failures_total++;
		attempts.not_before = clock_ms() + delay_ms(attempts.failures);
		notice("wrong passphrase from %s; the next is tried in %lld s at the earliest", attempt->origin,
		       (long long)delay_ms(attempts.failures) / 1000);
		break;
	case UNLOCK_CODE_NO_DISK:
	case UNLOCK_CODE_CORRUPT:
	case UNLOCK_CODE_NO_KEY_SLOT:
		notice("unlocking for %s failed: %s", attempt->origin, reply->message);
		attempts.hooks.disk_changed();
		break;
	case UNLOCK_CODE_OPENED:
	case UNLOCK_CODE_USAGE:
	case UNLOCK_CODE_NO_MEMORY:
	case UNLOCK_CODE_TOO_EARLY:
	case UNLOCK_CODE_ALREADY:
	case UNLOCK_CODE_INTERNAL:
		notice("%s for %s failed: %s", attempt->enroll ? "enrolling" : "unlocking", attempt->origin,
		       reply->message);
		if (attempt->enroll)
			attempts.hooks.disk_changed(); /* half made, perhaps */
		break;
	}
	server_send(attempt->client, UNLOCK_TYPE_RESULT, reply->code, reply->message);
}

static void attempt_done(const struct work_outcome *outcome, void *data)
{
	struct attempt *attempt = &attempts.queue[0];
	struct attempt_reply reply;

	(void)data;
	attempts.running = false;
	if (outcome->result != NULL) {
		memcpy(&reply, outcome->result, sizeof reply);
	} else {
		reply = (struct attempt_reply){ .code = outcome->out_of_memory ? UNLOCK_CODE_NO_MEMORY
									      : UNLOCK_CODE_INTERNAL };
		snprintf(reply.message, sizeof reply.message, "%s",
			 outcome->out_of_memory ? "not enough memory: the key derivation was killed by the kernel"
						: outcome->message);
	}
	/* Nobody would ever see the key: the container stays unfinished, and the next enrolment makes another. */
	if (reply.code == UNLOCK_CODE_OPENED && attempt->enroll &&
	    !server_send(attempt->client, UNLOCK_TYPE_RECOVERY, 0, reply.recovery)) {
		reply.code = UNLOCK_CODE_INTERNAL;
		snprintf(reply.message, sizeof reply.message,
			 "the connection ended before the recovery key could be shown; nothing was set, enrol again");
	}
	if (reply.code == UNLOCK_CODE_OPENED) {
		struct attempt_success success = { .client = attempt->client, .enrolled = attempt->enroll,
						   .recovery_key = reply.recovery_key,
						   .milliseconds = clock_ms() - attempt->started };
		memcpy(success.origin, attempt->origin, sizeof success.origin);
		attempts.failures = 0;
		attempts.not_before = 0;
		attempt_drop_first();
		attempts.hooks.opened(&success);
	} else {
		attempt_failed(attempt, &reply);
		attempt_drop_first();
	}
	explicit_bzero(&reply, sizeof reply);
	attempt_next();
}

/* What the state of the disk says without trying; OPENED: try. */
static enum unlock_code attempt_check(const struct attempt *attempt, const struct survey *survey, const char **ret_text)
{
	*ret_text = survey->message;
	if (attempt->enroll && attempt->wipe && survey->wipeable)
		return UNLOCK_CODE_OPENED;
	switch (survey->state) {
	case UNLOCK_STATE_STARTING:
	case UNLOCK_STATE_NO_DISK:
		return UNLOCK_CODE_NO_DISK;
	case UNLOCK_STATE_UNUSABLE:
		return UNLOCK_CODE_NO_DISK;
	case UNLOCK_STATE_NEW:
		return attempt->enroll ? UNLOCK_CODE_OPENED : UNLOCK_CODE_NO_DISK;
	case UNLOCK_STATE_LOCKED:
		if (!attempt->enroll)
			return UNLOCK_CODE_OPENED;
		*ret_text = survey->wipeable ? survey->message
					     : "the disk is encrypted already; unlock it with its passphrase";
		return UNLOCK_CODE_USAGE;
	case UNLOCK_STATE_NO_KEY_SLOT:
		return UNLOCK_CODE_NO_KEY_SLOT;
	case UNLOCK_STATE_CORRUPT:
		return UNLOCK_CODE_CORRUPT;
	case UNLOCK_STATE_OPENED:
	case UNLOCK_STATE_DONE:
		*ret_text = "the disk is already unlocked";
		return UNLOCK_CODE_ALREADY;
	}
	return UNLOCK_CODE_INTERNAL;
}

static void attempt_start(struct attempt *attempt)
{
	const struct survey *survey = attempts.hooks.survey();
	struct error err = ERROR_INIT;
	const char *text;

	enum unlock_code code = attempt_check(attempt, survey, &text);
	if (code != UNLOCK_CODE_OPENED) {
		server_send(attempt->client, UNLOCK_TYPE_RESULT, code, text);
		attempt_drop_first();
		return;
	}
	attempt->disk = survey->disk;
	attempt->wipeable = survey->wipeable;
	attempt->started = clock_ms();
	const struct work_plan plan = {
		.name = attempt->enroll ? "enrolling" : "unlocking",
		.function = attempt_work,
		.argument = attempt,
		.secret = attempt->passphrase,
		.result_size = sizeof(struct attempt_reply),
		.progress = attempt_progress,
		.done = attempt_done,
	};
	if (work_start(attempts.loop, &plan, &err) == -1) {
		server_send(attempt->client, UNLOCK_TYPE_RESULT, UNLOCK_CODE_INTERNAL, err.message);
		attempt_drop_first();
		return;
	}
	attempts.running = true;
	if (!attempt->enroll)
		server_send(attempt->client, UNLOCK_TYPE_PROGRESS, 0, "checking the passphrase (a few seconds)");
}

static void attempt_due(void *data)
{
	(void)data;
	attempt_next();
}

static void attempt_next(void)
{
	struct error err = ERROR_INIT;

	while (!attempts.running && attempts.count > 0) {
		int64_t wait = attempts.queue[0].enroll ? 0 : attempt_wait_ms();

		if (wait == 0) {
			attempt_start(&attempts.queue[0]);
			continue;
		}
		if (attempts.timer == NULL)
			attempts.timer = loop_add_timer(attempts.loop, wait, attempt_due, NULL, &err);
		else if (loop_set_timer(attempts.timer, wait, &err) == -1)
			attempts.timer = NULL;
		if (attempts.timer != NULL)
			return;
		/* No timer to be had: better refuse than leave a client waiting for ever. */
		server_send(attempts.queue[0].client, UNLOCK_TYPE_RESULT, UNLOCK_CODE_TOO_EARLY, err.message);
		attempt_drop_first();
	}
}

void attempt_init(struct loop *loop, const struct attempt_hooks *hooks)
{
	attempts.loop = loop;
	attempts.hooks = *hooks;
}

void attempt_add(uint64_t client, const char *origin, struct secret *passphrase, bool enroll, bool wipe)
{
	char text[160];

	if (attempts.count == ATTEMPT_QUEUE_MAX) {
		secret_free(passphrase);
		snprintf(text, sizeof text, "%d passphrases wait to be tried; try again in %lld s", ATTEMPT_QUEUE_MAX,
			 (long long)attempt_wait_ms() / 1000 + 1);
		server_send(client, UNLOCK_TYPE_RESULT, UNLOCK_CODE_TOO_EARLY, text);
		return;
	}
	struct attempt *attempt = &attempts.queue[attempts.count++];
	*attempt = (struct attempt){ .client = client, .passphrase = passphrase, .enroll = enroll, .wipe = wipe };
	snprintf(attempt->origin, sizeof attempt->origin, "%s", origin);
	if (!enroll && attempt_wait_ms() > 0) {
		snprintf(text, sizeof text, "%u wrong passphrase%s before this one: it is tried in %lld s",
			 attempts.failures, attempts.failures == 1 ? "" : "s",
			 (long long)(attempt_wait_ms() + 999) / 1000);
		server_send(client, UNLOCK_TYPE_PROGRESS, 0, text);
	} else if (attempts.running || attempts.count > 1) {
		server_send(client, UNLOCK_TYPE_PROGRESS, 0, "another attempt is running; this one is next");
	}
	attempt_next();
}
