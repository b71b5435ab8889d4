/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/peer.h"
#include "daemon/api/request.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/access.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/protocol.h"

enum {
	TELL_MS = 15000,
	TRIAL_MIN_S = 10,
	TRIAL_MAX_S = 3600,
};

/* As the store has it: rows of table meta. */
struct state {
	struct access kept;  /* confirmed */
	struct access trial; /* in force instead, if until_ms is not 0 */
	int64_t until_ms;    /* wall clock */
	int64_t version;
};

static struct {
	struct api *api;
	struct state now;
	struct loop_source *timer;
} self;

/* What a request has made of it, until the engine has it. */
struct writing {
	struct request *request;
	struct state before;
	int64_t version;
};

static const struct access *in_force(const struct state *state)
{
	return state->until_ms != 0 ? &state->trial : &state->kept;
}

/* -- on disk -- */

static int row_write(const char *key, const struct access *access, struct error *err)
{
	cleanup_json json_t *object = access_json(access);
	cleanup_free char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);

	if (text == NULL)
		return error_set(err, ENOMEM, "no memory for who reaches the host");
	return store_do(self.api->store, err, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", "ss", key, text);
}

static int number_write(const char *key, int64_t value, struct error *err)
{
	return store_do(self.api->store, err, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", "si", key, value);
}

static void timer_set(void)
{
	struct error err = ERROR_INIT;
	int64_t wait = self.now.until_ms - time_now_ms();

	if (loop_set_timer(self.timer, self.now.until_ms == 0 ? -1 : wait > 0 ? wait : 0, &err) == -1)
		log_error("%s", err.message);
}

static int state_write(const struct state *state, struct error *err)
{
	struct store *store = self.api->store;

	if (store_begin(store, err) == -1)
		return -1;
	if (row_write("access", &state->kept, err) == -1 || row_write("access_trial", &state->trial, err) == -1 ||
	    number_write("access_until", state->until_ms, err) == -1 || number_write("access_version", state->version, err) == -1 ||
	    store_commit(store, err) == -1) {
		store_rollback(store);
		return -1;
	}
	self.now = *state;
	timer_set();
	return 0;
}

static int row_read(const char *key, struct access *access, struct error *err)
{
	cleanup_query sqlite3_stmt *row = store_query(self.api->store, err, "SELECT value FROM meta WHERE key = ?", "s", key);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step != 1)
		return step;
	cleanup_json json_t *object = json_parse(query_text(row, 0), strlen(query_text(row, 0)), err);
	return object == NULL ? -1 : access_read(object, access, err);
}

static int state_read(struct state *state, struct error *err)
{
	struct store *store = self.api->store;

	if (row_read("access", &state->kept, err) == -1 || row_read("access_trial", &state->trial, err) == -1)
		return -1;
	if (store_number(store, err, 0, &state->until_ms, "SELECT value FROM meta WHERE key = 'access_until'", "") == -1)
		return -1;
	return store_number(store, err, 0, &state->version, "SELECT value FROM meta WHERE key = 'access_version'", "");
}

/* -- to the engine -- */

int access_fill(struct access_message *message, int *ret_fd, struct error *err)
{
	cleanup_json json_t *object = access_json(in_force(&self.now));

	*message = (struct access_message){ .keep = self.now.until_ms == 0 };
	*ret_fd = json_memory("access", object, err);
	return *ret_fd == -1 ? -1 : 0;
}

static int engine_tell(peer_answer_cb *cb, void *data, struct error *err)
{
	struct access_message message;
	cleanup_fd int fd = -1;

	if (access_fill(&message, &fd, err) == -1)
		return -1;
	return peer_ask(self.api->engine, MESSAGE_ACCESS, &message, sizeof message, fd, TELL_MS, cb, data, err);
}

static void told(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	(void)data;
	if (err != NULL)
		log_error("who reaches the host's SSH is as before, and the engine does not know yet: %s", err->message);
}

/* Nobody has confirmed it. */
static void trial_over(void *data)
{
	struct state state = self.now;
	struct error err = ERROR_INIT;

	(void)data;
	if (state.until_ms == 0 || time_now_ms() < state.until_ms) {
		timer_set();
		return;
	}
	state.until_ms = 0;
	state.trial = (struct access){ 0 };
	state.version++;
	log_warning("the change of who reaches the host was not confirmed in time: it is as before");
	if (state_write(&state, &err) == -1 || engine_tell(told, NULL, &err) == -1)
		log_error("a change of who reaches the host cannot be taken back: %s", err.message);
}

int access_init(struct api *api, struct error *err)
{
	self.api = api;
	self.timer = loop_add_timer(api->loop, -1, trial_over, NULL, err);
	if (self.timer == NULL || state_read(&self.now, err) == -1)
		return -1;
	timer_set();
	return 0;
}

/* -- requests -- */

/* Where a request comes from, as HAProxy says; false for root on the host, who needs no network. */
static bool caller_address(struct request *request, struct cidr *ret_address)
{
	const char *text = request_header(request, "X-Forwarded-For");
	struct error ignored = ERROR_INIT;

	return text != NULL && cidr_parse(text, ret_address, &ignored) == 0;
}

bool access_check(struct request *request)
{
	const struct access_list *list = &in_force(&self.now)->api;
	struct cidr address;

	if (!list->limited || (caller_address(request, &address) && access_allows(list, &address)))
		return true;
	request_fail(request, 403, "forbidden", NULL, "the API takes no requests from this address");
	return false;
}

static void state_answer(struct request *request)
{
	json_t *body = access_json(in_force(&self.now));
	char until[TIME_TEXT];

	time_format(self.now.until_ms, until);
	json_object_set_new(body, "revert_at", self.now.until_ms == 0 ? json_null() : json_string(until));
	request_answer_add(request, "ETag", "\"%lld\"", (long long)self.now.version);
	request_answer(request, 200, body);
}

void host_access(struct request *request)
{
	state_answer(request);
}

static void written(const struct message *answer, const struct error *err, void *data)
{
	cleanup_free struct writing *writing = data;
	struct error why = ERROR_INIT;

	(void)answer;
	if (err == NULL) {
		state_answer(writing->request);
		return;
	}
	request_fail_host(writing->request, err);
	if (self.now.version != writing->version)
		return; /* written again since */
	writing->before.version = writing->version + 1;
	if (state_write(&writing->before, &why) == -1 || engine_tell(told, NULL, &why) == -1)
		log_error("a change of who reaches the host cannot be taken back: %s", why.message);
}

/* In force, and answered, or neither. */
static void state_set(struct request *request, struct state *state)
{
	struct error err = ERROR_INIT;
	struct writing *writing = malloc(sizeof *writing);

	state->version = self.now.version + 1;
	if (writing == NULL)
		error_set(&err, ENOMEM, "no memory for who reaches the host");
	else
		*writing = (struct writing){ .request = request, .before = self.now, .version = state->version };
	if (writing == NULL || state_write(state, &err) == -1) {
		free(writing);
		request_fail_error(request, &err);
	} else if (engine_tell(written, writing, &err) == -1) {
		written(NULL, &err, writing);
	}
}

/* A list that would not let the caller in again. NULL: both would. */
static const char *list_against(struct request *request, const struct access *access)
{
	struct cidr address;

	if (!caller_address(request, &address))
		return NULL;
	return !access_allows(&access->api, &address) ? "api" : !access_allows(&access->ssh, &address) ? "ssh" : NULL;
}

void host_access_set(struct request *request)
{
	struct state state = self.now;
	struct access wanted;
	struct error err = ERROR_INIT;
	int64_t seconds;
	bool force;

	if (request_query_number(request, "revert_after", 0, TRIAL_MIN_S, TRIAL_MAX_S, &seconds) == -1 ||
	    request_query_bool(request, "force", false, &force) == -1 || !request_if_match(request, self.now.version))
		return;
	if (access_read(request->json, &wanted, &err) == -1) {
		request_fail_error(request, &err);
		return;
	}
	const char *against = list_against(request, &wanted);
	if (against != NULL && seconds == 0 && !force) {
		request_fail(request, 409, "conflict", against,
			     "%s does not hold the address this request comes from: with revert_after=SECONDS the change is taken back"
			     " unless it is confirmed from an address that it holds; force=true makes it all the same", against);
		return;
	}
	state.until_ms = seconds == 0 ? 0 : time_now_ms() + seconds * 1000;
	if (seconds == 0)
		state.kept = wanted;
	state.trial = seconds == 0 ? (struct access){ 0 } : wanted;
	state_set(request, &state);
}

void host_access_confirm(struct request *request)
{
	struct state state = self.now;
	const char *against = state.until_ms == 0 ? NULL : list_against(request, &state.trial);

	if (state.until_ms == 0) {
		request_fail(request, 409, "conflict", NULL, "no change waits to be confirmed; one that did may have been taken back");
		return;
	}
	if (against != NULL) {
		request_fail(request, 409, "conflict", against, "%s does not hold the address this request comes from: confirm from one that it"
			     " holds", against);
		return;
	}
	state.kept = state.trial;
	state.trial = (struct access){ 0 };
	state.until_ms = 0;
	state_set(request, &state);
}
