/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/ledger.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gate/decide.h"
#include "daemon/gate/haproxy.h"
#include "daemon/gate/route_table.h"
#include "daemon/gate/visit.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/record.h"

enum { WATCH_MS = 5000, WATCH_FIRST_MS = 300 };

/* Those with another mode than best effort: few. */
struct entry {
	struct entry *next;
	char realm[ID_TEXT];
	enum audit_mode mode;
};

static struct entry *entries;

static struct entry **entry_find(const char *realm)
{
	struct entry **link = &entries;

	while (*link != NULL && strcmp((*link)->realm, realm) != 0)
		link = &(*link)->next;
	return link;
}

int ledger_set(const char *realm, enum audit_mode mode, struct error *err)
{
	struct entry **link = entry_find(realm), *entry = *link;

	if (entry != NULL && mode == AUDIT_BEST_EFFORT) {
		*link = entry->next;
		free(entry);
		return 0;
	}
	if (mode == AUDIT_BEST_EFFORT)
		return 0;
	if (entry == NULL) {
		entry = calloc(1, sizeof *entry);
		if (entry == NULL)
			return error_set(err, ENOMEM, "no memory for how a realm wants its log");
		snprintf(entry->realm, sizeof entry->realm, "%s", realm);
		*link = entry;
	}
	entry->mode = mode;
	return 0;
}

enum audit_mode ledger_mode(const char *realm)
{
	const struct entry *entry = *entry_find(realm);

	return entry == NULL ? AUDIT_BEST_EFFORT : entry->mode;
}

static const char *copied(struct span span, char *text, size_t room)
{
	snprintf(text, room, "%.*s", (int)(span.size < room ? span.size : room - 1), span.text == NULL ? "" : span.text);
	return text;
}

int ledger_open(const struct route *route, const struct visit *visit, const struct decision *decision, const struct verdict *verdict, const char *name,
		reporter_cb *cb, void *data, struct error *err)
{
	struct record record = record_make(route->realm, "opened");
	char project[ID_TEXT], container[ID_TEXT], service[24], client[INET6_ADDRSTRLEN], request[65], method[33], host[256], path[1025];

	route_ids(route, project, container);
	snprintf(service, sizeof service, "%u", decision->port);
	inet_ntop(visit->source.family, visit->source.bytes, client, sizeof client);
	record.texts[RECORD_PROJECT] = project;
	record.texts[RECORD_CONTAINER] = container;
	record.texts[RECORD_SERVICE] = decision->service[0] != '\0' ? decision->service : service;
	record.numbers[RECORD_STARTED] = clock_wall_us();
	record.texts[RECORD_REQUEST] = copied(visit->id, request, sizeof request);
	record.texts[RECORD_CLIENT] = client;
	record.texts[RECORD_METHOD] = copied(visit->method, method, sizeof method);
	record.texts[RECORD_HOSTNAME] = copied(visit->host, host, sizeof host);
	record.texts[RECORD_PATH] = copied(visit->path, path, sizeof path);
	record.texts[RECORD_IDENTITY] = verdict->identity[0] != '\0' ? verdict->identity : NULL;
	record.texts[RECORD_DECISION] = name;
	record.texts[RECORD_RULE] = verdict->group[0] != '\0' ? verdict->group : NULL;
	return reporter_ask(&record, AUDIT_WAIT_MS, cb, data, err);
}

/* -- gaps -- */

/* The log has a gap. records 0: nobody knows how large. */
static void lost(const char *why, long long records)
{
	struct record record = record_make(RECORD_HOST, "lost");
	struct error err = ERROR_INIT;
	char detail[160];

	snprintf(detail, sizeof detail, records > 0 ? "{\"why\":\"%s\",\"records\":%lld}" : "{\"why\":\"%s\"}", why, records);
	record.texts[RECORD_DETAIL] = detail;
	if (reporter_tell(&record, &err) == -1)
		log_warning("the audit log has a gap that it does not know of (%s): %s", why, err.message);
}

static struct {
	struct haproxy *haproxy;
	struct loop_source *timer;
	long long pid, dropped; /* pid 0: not seen yet */
} watch;

static long long number_behind(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at == NULL ? -1 : strtoll(at + strlen(name), NULL, 10);
}

static void info_came(const char *answer, void *data)
{
	long long pid = answer == NULL ? -1 : number_behind(answer, "\nPid: "), dropped = answer == NULL ? -1 : number_behind(answer, "\nDroppedLogs: ");

	(void)data;
	if (pid < 0 || dropped < 0)
		return;
	if (watch.pid != 0 && pid != watch.pid) {
		lost("the proxy ended: requests that were under way have no end on record", 0);
		watch.dropped = 0;
	}
	if (watch.pid != 0 && dropped > watch.dropped)
		lost("the proxy told of more than could be taken", dropped - watch.dropped);
	watch.pid = pid;
	watch.dropped = dropped;
}

static void on_watch(void *data)
{
	struct error err = ERROR_INIT;

	(void)data;
	if (haproxy_connected(watch.haproxy))
		(void)haproxy_command(watch.haproxy, "show info\n", info_came, NULL, &err);
	if (loop_set_timer(watch.timer, watch.pid == 0 ? WATCH_FIRST_MS : WATCH_MS, &err) == -1)
		log_error("%s", err.message);
}

int ledger_watch(struct loop *loop, struct haproxy *haproxy, struct error *err)
{
	watch.haproxy = haproxy;
	watch.timer = loop_add_timer(loop, WATCH_FIRST_MS, on_watch, NULL, err);
	return watch.timer == NULL ? -1 : 0;
}
