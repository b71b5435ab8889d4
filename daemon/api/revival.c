/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/revival.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "daemon/api/api.h"
#include "daemon/api/lifecycle.h"
#include "daemon/api/merge.h"
#include "daemon/api/runtime.h"
#include "daemon/api/store.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/protocol.h"

enum {
	FIRST_MS = 1000,
	LAST_MS = 60000,
	CALM_MS = 60000, /* one that ran for that long has not crashed at its start */
};

/* A container that ended by itself not long ago. */
struct revival {
	struct revival *next;
	char id[ID_TEXT];
	int64_t delay_ms; /* before its next start */
	int64_t since_ms; /* runs since then; 0: it does not */
	int64_t due_ms;   /* to be started; 0: not waiting */
};

static struct {
	struct api *api;
	struct loop_source *timer;
	struct revival *list;
} self;

static struct revival **revival_find(const char *id)
{
	struct revival **link = &self.list;

	while (*link != NULL && strcmp((*link)->id, id) != 0)
		link = &(*link)->next;
	return link;
}

static void revival_drop(struct revival **link)
{
	struct revival *revival = *link;

	if (revival == NULL)
		return;
	*link = revival->next;
	free(revival);
}

static void timer_set(void)
{
	struct error err = ERROR_INIT;
	int64_t next = -1, now = clock_ms();

	for (const struct revival *revival = self.list; revival != NULL; revival = revival->next)
		if (revival->due_ms != 0 && (next == -1 || revival->due_ms < next))
			next = revival->due_ms;
	if (loop_set_timer(self.timer, next == -1 ? -1 : next > now ? next - now : 0, &err) == -1)
		log_error("%s", err.message);
}

/* 1: it stands still, is wanted, and nobody is at it; *ret_policy is what it wants. -1 with err. */
static int revival_wanted(const char *id, int64_t *ret_policy, struct error *err)
{
	cleanup_query sqlite3_stmt *query =
		store_query(self.api->store, err,
			    "SELECT c.restart FROM containers c JOIN temp.runtime r ON r.id = c.id WHERE c.id = ? AND"
			    " c.deleted IS NULL AND c.wanted = 1 AND r.state IN (0, 4) AND r.stops = 0", "s", id);
	int step = query == NULL ? -1 : query_step(query, err);

	if (step == 1)
		*ret_policy = query_int(query, 0);
	return step;
}

static int revival_start(const char *id, struct error *err)
{
	int64_t policy;

	int wanted = self.api->stopping != -1 ? 0 : revival_wanted(id, &policy, err);
	if (wanted != 1)
		return wanted;
	/* Another realm may have been merged meanwhile. */
	if (store_begin(self.api->store, err) == -1 || merge_decide(self.api->store, id, err) == -1 ||
	    store_commit(self.api->store, err) == -1) {
		store_rollback(self.api->store);
		return -1;
	}
	lifecycle_begin(self.api, id, NULL, 0, true);
	return 0;
}

static void revivals_due(void *data)
{
	int64_t now = clock_ms();

	(void)data;
	for (struct revival *revival = self.list; revival != NULL; revival = revival->next) {
		struct error err = ERROR_INIT;
		if (revival->due_ms == 0 || revival->due_ms > now)
			continue;
		revival->due_ms = 0;
		if (revival_start(revival->id, &err) == 0)
			continue;
		log_error("container %s is not started again yet: %s", revival->id, err.message);
		revival->due_ms = now + revival->delay_ms;
	}
	timer_set();
}

static void end_text(const struct container_state_message *state, int64_t delay_ms, char *text, size_t size)
{
	int seconds = (int)(delay_ms / 1000);

	if (state->state == CONTAINER_STATE_FAILED)
		snprintf(text, size, "%.300s; started again in %d s", state->message, seconds);
	else if (WIFSIGNALED(state->exit_status))
		snprintf(text, size, "it was ended by signal %d; started again in %d s", WTERMSIG(state->exit_status), seconds);
	else
		snprintf(text, size, "it ended with status %d; started again in %d s", WEXITSTATUS(state->exit_status), seconds);
}

static void revival_wait(const struct container_state_message *state)
{
	struct revival **link = revival_find(state->id), *revival = *link;
	char text[384];

	if (revival == NULL) {
		revival = calloc(1, sizeof *revival);
		if (revival == NULL) {
			log_error("no memory to start container %s again", state->id);
			return;
		}
		memcpy(revival->id, state->id, sizeof revival->id);
		revival->delay_ms = FIRST_MS;
		*link = revival;
	} else if (revival->since_ms != 0 && clock_ms() - revival->since_ms >= CALM_MS) {
		revival->delay_ms = FIRST_MS;
	} else {
		revival->delay_ms = revival->delay_ms * 2 < LAST_MS ? revival->delay_ms * 2 : LAST_MS;
	}
	revival->since_ms = 0;
	revival->due_ms = clock_ms() + revival->delay_ms;
	end_text(state, revival->delay_ms, text, sizeof text);
	log_info("container %s: %s", state->id, text);
	runtime_set(self.api->store, state->id, state->state, text);
	timer_set();
}

void revival_see(const struct container_state_message *state)
{
	struct error err = ERROR_INIT;
	int64_t policy = REVIVAL_NO;

	if (state->state == CONTAINER_STATE_RUNNING) {
		struct revival *revival = *revival_find(state->id);
		if (revival != NULL && revival->since_ms == 0)
			revival->since_ms = clock_ms();
	}
	bool failed = state->state == CONTAINER_STATE_FAILED; /* also when it ended before its start was over */
	if ((state->state != CONTAINER_STATE_STOPPED && !failed) || self.api->stopping != -1)
		return;
	int wanted = revival_wanted(state->id, &policy, &err);
	if (wanted == -1)
		log_error("container %s is not started again: %s", state->id, err.message);
	if (wanted == 1 && (policy == REVIVAL_ALWAYS || (policy == REVIVAL_ON_FAILURE && (failed || state->exit_status != 0))))
		revival_wait(state);
	else
		revival_drop(revival_find(state->id));
}

int revival_init(struct api *api, struct error *err)
{
	self.api = api;
	self.timer = loop_add_timer(api->loop, -1, revivals_due, NULL, err);
	return self.timer == NULL ? -1 : 0;
}
