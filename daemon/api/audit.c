/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/peer.h"
#include "daemon/api/question.h"
#include "daemon/api/resources.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/record.h"

enum { TELL_MS = 5000, DAY_S = 86400 };

static const char *const modes[AUDIT_MODES] = { [AUDIT_BEST_EFFORT] = "best_effort", [AUDIT_BLOCK] = "block", [AUDIT_FAIL_CLOSED] = "fail_closed" };

struct settings {
	int64_t version; /* 0: never changed */
	int64_t mode, bytes_max, days_max;
};

static int settings_load(struct store *store, const char *id, struct settings *ret_settings, struct error *err)
{
	cleanup_query sqlite3_stmt *row = store_query(store, err, "SELECT version, mode, bytes_max, days_max FROM audits WHERE id = ?", "s", id);
	int step = row == NULL ? -1 : query_step(row, err);

	*ret_settings = (struct settings){ .mode = strcmp(id, RECORD_HOST) == 0 ? AUDIT_BLOCK : AUDIT_BEST_EFFORT, .bytes_max = AUDIT_BYTES_DEFAULT,
					   .days_max = AUDIT_DAYS_DEFAULT };
	if (step == 1)
		*ret_settings = (struct settings){ query_int(row, 0), query_int(row, 1), query_int(row, 2), query_int(row, 3) };
	return step == -1 ? -1 : 0;
}

int audit_fill(struct store *store, const char *id, struct audit_message *message, struct error *err)
{
	struct settings settings;

	if (settings_load(store, id, &settings, err) == -1)
		return -1;
	*message = (struct audit_message){ .mode = (uint32_t)settings.mode, .bytes_max = settings.bytes_max, .age_max_s = (uint32_t)(settings.days_max * DAY_S) };
	snprintf(message->id, sizeof message->id, "%.24s", id);
	return 0;
}

bool audit_must(struct api *api, const char *id)
{
	struct error err = ERROR_INIT;
	struct settings settings;

	return settings_load(api->store, id, &settings, &err) == -1 || settings.mode == AUDIT_FAIL_CLOSED;
}

/* -- telling -- */

struct telling {
	struct request *request; /* NULL: nobody waits */
	char id[ID_TEXT];
	int open;
	struct error failure;
};

static void settings_answer(struct request *request, const char *id)
{
	struct error err = ERROR_INIT;
	struct settings settings;

	if (settings_load(request->api->store, id, &settings, &err) == -1) {
		request_fail_error(request, &err);
		return;
	}
	request_answer_add(request, "ETag", "\"%lld\"", (long long)settings.version);
	request_answer(request, 200, json_pack("{s:s, s:I, s:I}", "mode", modes[settings.mode], "max_bytes", (json_int_t)settings.bytes_max, "max_days",
					       (json_int_t)settings.days_max));
}

static void told(const struct message *answer, const struct error *err, void *data)
{
	struct telling *telling = data;

	(void)answer;
	if (err != NULL)
		telling->failure = *err;
	if (--telling->open > 0)
		return;
	if (telling->failure.code != 0)
		log_error("how %s wants its log is stored, and not in force everywhere yet: %s", telling->id, telling->failure.message);
	if (telling->request != NULL && telling->failure.code != 0)
		request_fail(telling->request, 503, "unavailable", NULL, "the change is stored, and in force as soon as what writes the log can be reached");
	else if (telling->request != NULL)
		settings_answer(telling->request, telling->id);
	free(telling);
}

static int tell(struct api *api, const char *id, struct request *request, struct error *err)
{
	struct peer *peers[] = { api->audit, api->gate };
	struct telling *telling = calloc(1, sizeof *telling);
	struct audit_message message;

	if (telling == NULL || audit_fill(api->store, id, &message, err) == -1) {
		free(telling);
		return telling == NULL ? error_set(err, ENOMEM, "no memory for settings of a log") : -1;
	}
	*telling = (struct telling){ .request = request, .open = 1 };
	snprintf(telling->id, sizeof telling->id, "%.24s", id);
	for (int i = 0; i < 2; i++)
		if (peer_ask(peers[i], MESSAGE_AUDIT, &message, sizeof message, -1, TELL_MS, told, telling, &telling->failure) == 0)
			telling->open++;
	told(NULL, NULL, telling);
	return 0;
}

void audit_push(struct api *api, const char *id)
{
	struct error err = ERROR_INIT;

	if (tell(api, id, NULL, &err) == -1)
		log_error("%s", err.message);
}

/* -- settings -- */

static int settings_read(json_t *body, struct settings *settings, struct error *err)
{
	char mode[16] = "";
	const struct json_field fields[] = {
		{ "mode", JSON_KIND_STRING, false, 1, sizeof mode - 1, mode, NULL },
		{ "max_bytes", JSON_KIND_INTEGER, false, AUDIT_BYTES_MIN, AUDIT_BYTES_MAX, &settings->bytes_max, NULL },
		{ "max_days", JSON_KIND_INTEGER, false, 1, AUDIT_DAYS_MAX, &settings->days_max, NULL },
	};

	if (json_read(body, "", fields, sizeof fields / sizeof fields[0], err) == -1)
		return -1;
	for (int i = 0; i < AUDIT_MODES; i++) {
		if (strcmp(modes[i], mode) == 0) {
			settings->mode = i;
			return 0;
		}
	}
	return mode[0] == '\0' ? 0 : error_field(err, "mode", "mode must be best_effort, block or fail_closed");
}

static void settings_change(struct request *request, const char *id)
{
	struct store *store = request->api->store;
	struct error err = ERROR_INIT;
	struct settings settings;
	int64_t bytes_before;

	if (settings_load(store, id, &settings, &err) == -1)
		goto fail;
	if (!request_if_match(request, settings.version))
		return;
	bytes_before = settings.bytes_max;
	if (settings_read(request->json, &settings, &err) == -1)
		goto fail;
	/* The disk is the host's. */
	if (!request->caller.platform && settings.bytes_max > AUDIT_BYTES_DEFAULT && settings.bytes_max > bytes_before) {
		request_fail(request, 403, "forbidden", "max_bytes", "only a token that is not bound to realms may give a log more than %lld bytes",
			     (long long)AUDIT_BYTES_DEFAULT);
		return;
	}
	if (store_do(store, &err,
		     "INSERT INTO audits (id, realm, version, mode, bytes_max, days_max) VALUES (?1, nullif(?1, '" RECORD_HOST "'), ?2, ?3, ?4, ?5)"
		     " ON CONFLICT (id) DO UPDATE SET version = ?2, mode = ?3, bytes_max = ?4, days_max = ?5",
		     "siiii", id, settings.version + 1, settings.mode, settings.bytes_max, settings.days_max) == -1 ||
	    tell(request->api, id, request, &err) == -1)
		goto fail;
	return;
fail:
	request_fail_error(request, &err);
}

#define HANDLERS(noun) \
	void noun##_audit(struct request *request) \
	{ \
		const char *id = question_log(request); \
		if (id != NULL) \
			settings_answer(request, id); \
	} \
	void noun##_audit_change(struct request *request) \
	{ \
		const char *id = question_log(request); \
		if (id != NULL) \
			settings_change(request, id); \
	}

HANDLERS(host)
HANDLERS(realms)
