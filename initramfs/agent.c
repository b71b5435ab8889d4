/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/agent.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/secret.h"
#include "initramfs/attempt.h"
#include "initramfs/config.h"
#include "initramfs/console.h"
#include "initramfs/finish.h"
#include "initramfs/handover.h"
#include "initramfs/mounts.h"
#include "initramfs/network.h"
#include "initramfs/notice.h"
#include "initramfs/power.h"
#include "initramfs/process.h"
#include "initramfs/server.h"
#include "initramfs/sshd.h"
#include "initramfs/status.h"
#include "initramfs/survey.h"
#include "initramfs/version.h"
#include "initramfs/work.h"

enum {
	SURVEY_QUICK_MS = 250,      /* while disks are still being found by the kernel */
	SURVEY_SLOW_MS = 3000,
	SURVEY_IDLE_MS = 30000,     /* when only the EFI partition is missing or broken */
	SURVEY_QUICK_UNTIL_MS = 10000,
	SSH_WAIT_MS = 20000,        /* for the first look at the data; then SSH starts without */
	CONFIG_WAIT_MS = 10000,     /* then the network comes up without a host config */
	FINISH_RETRY_MS = 15000,
	SESSIONS_POLL_MS = 50,
	SESSIONS_WAIT_MS = 3000,    /* for SSH sessions to end by themselves after the unlocking */
};

static struct {
	struct loop *loop;
	struct survey survey;
	struct hostcfg cfg;
	struct status status;
	struct loop_source *survey_timer, *finish_timer, *sessions_timer, *config_timer, *ssh_timer;
	bool surveying, have_config, configured, finishing, opened;
	bool tentative; /* just enrolled, and not complete: a failure voids it */
	struct finish_plan finish_plan;
	int64_t finished_at;
} agent;

static void timer_set(struct loop_source **timer, int64_t ms, loop_timer_cb *cb)
{
	struct error err = ERROR_INIT;

	if (*timer == NULL)
		*timer = loop_add_timer(agent.loop, ms, cb, NULL, &err);
	else if (loop_set_timer(*timer, ms, &err) == -1)
		*timer = NULL;
	if (*timer == NULL)
		log_error("%s", err.message);
}

static void warn(const char *text)
{
	unsigned before = agent.status.warning_count;

	status_warn(&agent.status, text);
	if (agent.status.warning_count != before)
		notice("warning: %s", text);
}

/* --- host config --- */

/* What was read of the ESP; NULL: nothing so far. */
static const struct esp *esp_get(void)
{
	return agent.have_config ? &agent.survey.esp : NULL;
}

/* When the disk was looked at, or after a while without: who comes by SSH finds a state that says something. */
static void ssh_due(void *data)
{
	(void)data;
	config_ssh(agent.loop, &agent.cfg, &agent.status, esp_get());
}

static void config_take(void)
{
	agent.configured = true;
	config_apply(&agent.cfg, &agent.status, esp_get());
	timer_set(&agent.ssh_timer, SSH_WAIT_MS, ssh_due);
}

static void config_due(void *data)
{
	(void)data;
	if (!agent.configured) {
		warn("no EFI partition with a host config so far; the network comes up with defaults");
		config_take();
	}
}

/* --- survey --- */

/* States in which a person can act, so that looking again would only disturb. */
static bool state_is_settled(enum unlock_state state)
{
	return state == UNLOCK_STATE_NEW || state == UNLOCK_STATE_LOCKED;
}

static void survey_start(void);
static void survey_later(void);
static void survey_by(work_function *function, work_done_cb *done);

static void survey_due(void *data)
{
	(void)data;
	if (attempt_is_running())
		survey_later(); /* it is being changed */
	else
		survey_start();
}

/* Is there something on the ESP that was not to be had so far? */
static bool esp_is_wanted(void)
{
	const struct esp *esp = &agent.survey.esp;

	return !agent.have_config || !esp->have_key || esp->config_error[0] != '\0';
}

static void survey_later(void)
{
	int64_t pause = SURVEY_SLOW_MS;

	if (agent.survey.state == UNLOCK_STATE_NO_DISK && status_now() < SURVEY_QUICK_UNTIL_MS)
		pause = SURVEY_QUICK_MS;
	else if (state_is_settled(agent.survey.state))
		pause = SURVEY_IDLE_MS;
	timer_set(&agent.survey_timer, pause, survey_due);
}

/* A worker's word about the disk becomes what everybody is told. */
static void survey_take(const struct work_outcome *outcome)
{
	struct survey before = agent.survey;

	if (outcome->result != NULL) {
		memcpy(&agent.survey, outcome->result, sizeof agent.survey);
		agent.survey.esp = before.esp; /* is read apart */
	} else {
		agent.survey.state = UNLOCK_STATE_UNUSABLE;
		agent.survey.wipeable = false;
		snprintf(agent.survey.message, sizeof agent.survey.message, "%.399s", outcome->message);
	}
	/* A disk that is probed late is no event; one that is missing after some seconds is. */
	if (agent.survey.state != UNLOCK_STATE_NO_DISK || status_now() > SURVEY_QUICK_UNTIL_MS / 2) {
		if (agent.survey.state != before.state || strcmp(agent.survey.message, before.message) != 0)
			notice("disk: %s", agent.survey.message);
		server_set_state(agent.survey.state, agent.survey.message);
	}
	if (agent.survey.warning[0] != '\0')
		warn(agent.survey.warning);
}

static void survey_done(const struct work_outcome *outcome, void *data)
{
	(void)data;
	agent.surveying = false;
	if (agent.opened)
		return;
	survey_take(outcome);
	if (agent.survey.state != UNLOCK_STATE_NO_DISK)
		ssh_due(NULL);
	if (state_is_settled(agent.survey.state) && !esp_is_wanted())
		agent.status.times.disk = status_now();
	else
		survey_later();
}

/* The ESP comes first; what it said is in force before anybody touches the data. */
static void survey_esp_done(const struct work_outcome *outcome, void *data)
{
	const struct survey *seen = outcome->result;
	struct esp before = agent.survey.esp;

	(void)data;
	agent.surveying = false;
	if (agent.opened)
		return;
	if (seen == NULL)
		warn(outcome->message);
	else if (seen->warning[0] != '\0')
		warn(seen->warning);
	if (seen != NULL && seen->have_esp) {
		bool first = !agent.have_config;

		agent.survey.esp = seen->esp;
		agent.have_config = true;
		if (seen->esp.warning[0] != '\0')
			warn(seen->esp.warning);
		if (first || (before.config_error[0] != '\0' && seen->esp.config_error[0] == '\0'))
			config_take();
	}
	if (seen != NULL && seen->state == UNLOCK_STATE_NO_DISK)
		survey_done(outcome, NULL);
	else
		survey_by(survey_run, survey_done);
}

static void survey_by(work_function *function, work_done_cb *done)
{
	struct error err = ERROR_INIT;
	const struct work_plan plan = {
		.name = "looking at the disks",
		.function = function,
		.result_size = sizeof(struct survey),
		.done = done,
	};

	if (agent.surveying || agent.opened)
		return;
	if (work_start(agent.loop, &plan, &err) == -1) {
		notice_once("cannot look at the disks: %s", err.message);
		survey_later();
		return;
	}
	agent.surveying = true;
}

static void survey_start(void)
{
	if (esp_is_wanted())
		survey_by(survey_esp, survey_esp_done);
	else
		survey_by(survey_run, survey_done);
}

static const struct survey *survey_get(void)
{
	return &agent.survey;
}

/* --- after the right passphrase --- */

static void finish_start(void *data);

static void record_leave(const char *text, size_t size)
{
	struct error err = ERROR_INIT;

	if (file_write(STATUS_BOOT_RECORD, text, size, 0644, &err) == -1)
		log_error("%s", err.message);
}

void agent_leave_record(void)
{
	agent.status.times.hand_over = status_now();
	cleanup_free char *text = status_boot_record(&agent.status);
	if (text != NULL)
		record_leave(text, strlen(text));
	network_hand_over(MOUNTS_ROOT);
}

/* Waits until the prompts and SSH sessions have said goodbye, but not for ever. */
static void sessions_due(void *data)
{
	(void)data;
	bool late = status_now() - agent.finished_at > SESSIONS_WAIT_MS;

	if (!late && (server_clients() > 0 || sshd_has_sessions())) {
		timer_set(&agent.sessions_timer, SESSIONS_POLL_MS, sessions_due);
		return;
	}
	sshd_stop();
	(void)console_stop();
	loop_stop(agent.loop, 0);
}

static void finish_progress(const char *text, void *data)
{
	(void)data;
	server_send(agent.status.by.client, UNLOCK_TYPE_PROGRESS, 0, text);
}

/* known: the worker lived to say how far it came. */
static void finish_failed(const char *message, bool known)
{
	char text[NOTICE_TEXT];

	notice_once("%.290s", message); /* tried again and again: said once */
	if (agent.tentative) {
		/* Nothing was promised yet: the enrolment starts over. */
		snprintf(text, sizeof text, "the enrolment failed, %s: %.150s",
			 known ? "its recovery key is void"
			       : "its keys are void unless the disk is said to be locked now",
			 message);
		server_send(agent.status.by.client, UNLOCK_TYPE_RESULT, UNLOCK_CODE_INTERNAL, text);
		agent.tentative = false;
		agent.opened = false;
		agent.status.unlocked = false;
		survey_start();
		return;
	}
	if (strcmp(agent.survey.message, message) != 0) {
		snprintf(agent.survey.message, sizeof agent.survey.message, "%.399s", message);
		server_set_state(UNLOCK_STATE_OPENED, agent.survey.message);
		server_send(agent.status.by.client, UNLOCK_TYPE_RESULT, UNLOCK_CODE_INTERNAL, agent.survey.message);
	}
	timer_set(&agent.finish_timer, FINISH_RETRY_MS, finish_start);
}

static void finish_done(const struct work_outcome *outcome, void *data)
{
	const struct finish_reply *reply = outcome->result;
	struct error err = ERROR_INIT;
	char others[160];

	(void)data;
	agent.finishing = false;
	if (reply != NULL && reply->complete)
		agent.tentative = false; /* passphrase and recovery key hold from here on */
	if (reply == NULL || !reply->done) {
		finish_failed(reply == NULL ? outcome->message : reply->message, reply != NULL);
		return;
	}
	if (handover_check(&err) == -1) {
		finish_failed(err.message, true);
		return;
	}
	if (reply->warning[0] != '\0')
		warn(reply->warning);
	agent.status.swap = reply->swap;
	agent.survey.state = UNLOCK_STATE_DONE;
	agent.finished_at = status_now();
	snprintf(others, sizeof others, "unlocked by %.100s; the system starts", agent.status.by.origin);
	notice("%s", others);
	console_release(); /* before the prompts end: none may ask again */
	server_set_state(UNLOCK_STATE_DONE, others);
	server_finish(agent.status.by.client, "unlocked; the system starts", others);
	timer_set(&agent.sessions_timer, SESSIONS_POLL_MS, sessions_due);
}

static void finish_start(void *data)
{
	struct error err = ERROR_INIT;

	(void)data;
	if (agent.finishing)
		return;
	agent.finish_plan.disk = agent.survey.disk;
	const struct work_plan plan = {
		.name = "mounting the data",
		.function = finish_run,
		.argument = &agent.finish_plan,
		.result_size = sizeof(struct finish_reply),
		.progress = finish_progress,
		.done = finish_done,
	};
	if (work_start(agent.loop, &plan, &err) == -1) {
		finish_failed(err.message, true);
		return;
	}
	agent.finishing = true;
}

static void attempt_opened(const struct attempt_success *success)
{
	agent.opened = true;
	agent.tentative = success->enrolled;
	agent.status.unlocked = true;
	agent.status.by = *success;
	agent.status.unlocked_at = (int64_t)time(NULL);
	agent.status.times.unlocked = status_now();
	agent.survey.state = UNLOCK_STATE_OPENED;
	snprintf(agent.survey.message, sizeof agent.survey.message, "the disk is open; mounting");
	if (success->enrolled)
		notice("a passphrase was set by %s", success->origin);
	else
		notice("right passphrase%s from %s", success->recovery_key ? " (the recovery key)" : "",
		       success->origin);
	server_set_state(UNLOCK_STATE_OPENED, agent.survey.message);
	finish_start(NULL);
}

/* --- requests --- */

static char *report(void)
{
	return status_report(&agent.status);
}

int agent_start(struct loop *loop, struct error *err)
{
	static const struct attempt_hooks attempt_hooks = {
		.survey = survey_get, .opened = attempt_opened, .disk_changed = survey_start,
	};
	static const struct server_hooks server_hooks = {
		.attempt = attempt_add, .report = report, .power = power_ask,
	};
	struct error told = ERROR_INIT;

	agent.loop = loop;
	hostcfg_defaults(&agent.cfg);
	agent.status.survey = &agent.survey;
	agent.status.cfg = &agent.cfg;
	agent.status.times.agent = status_now();
	snprintf(agent.survey.message, sizeof agent.survey.message, "looking for the disk");
	notice("Bulkhead %s: boot agent", BULKHEAD_VERSION);

	if (process_init(loop, err) == -1)
		return -1;
	attempt_init(loop, &attempt_hooks);
	if (server_start(loop, &server_hooks, &told) == -1)
		notice("no prompt can work: %s", told.message);
	else
		notice_listen(server_notice);
	server_set_state(UNLOCK_STATE_STARTING, agent.survey.message);
	survey_start();
	network_start(loop);
	console_start(loop);
	/* Seen now, an image that cannot be mounted is news before the passphrase, not after. */
	if (mounts_root(&told) == -1 || handover_check(&told) == -1)
		warn(told.message);
	power_start(loop);
	timer_set(&agent.config_timer, CONFIG_WAIT_MS, config_due);
	return 0;
}
