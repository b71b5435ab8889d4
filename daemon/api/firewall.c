/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/firewall.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "daemon/api/api.h"
#include "daemon/api/document.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum {
	RULES_MS = 15000,
	EXPIRY_MAX_MS = 24 * 3600 * 1000, /* then it is looked again */
};

static struct {
	struct api *api;
	struct loop_source *timer;
	int64_t due_ms; /* wall clock: the next rule expires; 0: none does */
} self;

/* Sooner than what is waited for? */
static void expiry_note(int64_t until_ms)
{
	struct error err = ERROR_INIT;

	if (until_ms == 0 || (self.due_ms != 0 && self.due_ms <= until_ms) || self.timer == NULL)
		return;
	self.due_ms = until_ms;
	int64_t wait = until_ms - time_now_ms();
	wait = wait < 0 ? 0 : wait > EXPIRY_MAX_MS ? EXPIRY_MAX_MS : wait;
	if (loop_set_timer(self.timer, wait + 1, &err) == -1)
		log_error("%s", err.message);
}

static int set_file(const struct ruleset *set, struct error *err)
{
	cleanup_json json_t *object = ruleset_json(set);

	return json_memory("rules", object, err);
}

int firewall_fill(struct api *api, const char *id, struct rules_message *message, int *ret_fd, struct error *err)
{
	struct ruleset set;
	int64_t until;
	struct rule_groups groups;
	int found = document_groups(api->store, id, &groups, err);
	cleanup_query sqlite3_stmt *row =
		found == -1 ? NULL : store_query(api->store, err, "SELECT ipv4, ipv6 FROM containers WHERE id = ? AND deleted IS NULL", "s", id);
	int step = row == NULL ? -1 : query_step(row, err);

	if (step == 0)
		error_set(err, ENOENT, "there is no such container");
	if (step != 1 || document_effective(api->store, id, time_now_ms(), &set, NULL, NULL, &until, err) == -1)
		return -1;
	*message = (struct rules_message){ .ipv4 = htonl((uint32_t)query_int(row, 0)) };
	memcpy(message->id, groups.container, sizeof message->id);
	memcpy(message->project, groups.project, sizeof message->project);
	memcpy(message->realm, groups.realm, sizeof message->realm);
	if (sqlite3_column_bytes(row, 1) == 16)
		memcpy(message->ipv6, sqlite3_column_blob(row, 1), 16);
	/* Most containers: hundreds of files would wait for an engine that has just come back. */
	message->plain = set.rule_count == 0 && set.port_count == 0 && set.egress_open && !set.internal_open && traffic_none(&set.traffic);
	*ret_fd = message->plain == 1 ? -1 : set_file(&set, err);
	ruleset_free(&set);
	expiry_note(until);
	return message->plain == 1 || *ret_fd != -1 ? 0 : -1;
}

int firewall_ask(struct api *api, const char *id, peer_answer_cb *cb, void *data, struct error *err)
{
	struct rules_message message;
	cleanup_fd int fd = -1;

	if (firewall_fill(api, id, &message, &fd, err) == -1)
		return -1;
	return peer_ask(api->engine, MESSAGE_RULES, &message, sizeof message, fd, RULES_MS, cb, data, err);
}

static void expired(const struct message *answer, const struct error *err, void *data)
{
	(void)answer;
	(void)data;
	if (err != NULL)
		log_warning("a rule has expired, and the engine does not know yet: %s", err->message);
}

/* Whose rule it was is not kept: all are told, which changes nothing for those whose rules are the same. */
static void expiry_look(void *data)
{
	struct error err = ERROR_INIT;
	char id[ID_TEXT] = "";

	(void)data;
	self.due_ms = 0;
	for (;;) {
		cleanup_query sqlite3_stmt *row = store_query(self.api->store, &err,
							      "SELECT id FROM containers WHERE deleted IS NULL AND wanted = 1 AND id > ?"
							      " ORDER BY id LIMIT 1", "s", id);
		if (row == NULL || query_step(row, &err) != 1)
			break;
		snprintf(id, sizeof id, "%s", query_text(row, 0));
		if (firewall_ask(self.api, id, expired, NULL, &err) == -1)
			log_error("container %s: its rules cannot be told: %s", id, err.message);
	}
}

int firewall_init(struct api *api, struct error *err)
{
	self.api = api;
	self.timer = loop_add_timer(api->loop, -1, expiry_look, NULL, err);
	return self.timer == NULL ? -1 : 0;
}
