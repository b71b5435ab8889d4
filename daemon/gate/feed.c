/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/feed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gate/haproxy.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

#define FEED_MAP "virt@routes"

enum {
	FEED_LINE_MAX = ROUTE_KEY_TEXT + ROUTE_VALUE_TEXT + 2,
	FEED_CHUNK = 8 * 1024, /* bytes of one payload; HAProxy takes up to tune.bufsize, 16 KiB */
	FEED_WAIT_MS = 3000,   /* an asker waits this long for HAProxy to come back */
	FEED_SWEEP_MS = 250,
	FEED_WAITERS_MAX = 4096,
	FEED_CHANGES_MAX = 1000, /* commands of one change; beyond, the whole table is quicker */
};

enum waiter_kind { WAITER_SET, WAITER_REMOVE, WAITER_REPLACE };

/* One unanswered request. */
struct waiter {
	struct waiter *next;
	struct feed *feed;
	uint64_t serial;
	uint64_t change;     /* the table's state that answers it */
	int64_t deadline_ms;
	enum waiter_kind kind;
	unsigned open;       /* its commands that HAProxy has not answered, and who makes them */
	bool lost;           /* one of them may not have been taken, or could not be sent */
};

struct feed {
	struct haproxy *haproxy;
	struct loop_source *timer;
	struct route_table table;
	uint64_t change;        /* counts every change of the table */
	uint64_t feeding;       /* the state that is being sent whole; 0: none */
	bool refused;           /* HAProxy did not take a part of what is being sent */
	bool current;           /* HAProxy's map follows the table */
	bool known;             /* the table came from api; until then HAProxy keeps what it has */
	struct waiter *waiters; /* wait for a whole feed */
	size_t waiter_count;
	feed_done_cb *done;
	void *data;
};

static void feed_whole(struct feed *feed);

static void waiter_end(struct waiter *waiter, int code, const char *message)
{
	if (waiter->serial != 0)
		waiter->feed->done(waiter->serial, code, message, waiter->feed->data);
	free(waiter);
}

static struct waiter *waiter_new(struct feed *feed, enum waiter_kind kind, uint64_t serial, struct error *err)
{
	struct waiter *waiter = feed->waiter_count < FEED_WAITERS_MAX ? calloc(1, sizeof *waiter) : NULL;

	if (waiter == NULL) {
		error_set(err, ENOMEM, "too many route changes wait for HAProxy");
		return NULL;
	}
	*waiter = (struct waiter){ .feed = feed, .serial = serial, .change = feed->change + 1, .kind = kind,
				   .deadline_ms = clock_ms() + FEED_WAIT_MS, .open = 1, .lost = !feed->current };
	return waiter;
}

/* Keeps a request until the map has been sent whole. */
static void waiter_keep(struct waiter *waiter)
{
	struct feed *feed = waiter->feed;

	waiter->next = feed->waiters;
	feed->waiters = waiter;
	feed->waiter_count++;
}

/* Answers those that pick says; the message goes with a code other than 0. */
static void waiters_end(struct feed *feed, bool (*pick)(const struct waiter *, int64_t), int64_t value, int code,
			const char *message)
{
	struct waiter **link = &feed->waiters;

	while (*link != NULL) {
		struct waiter *waiter = *link;
		if (!pick(waiter, value)) {
			link = &waiter->next;
			continue;
		}
		*link = waiter->next;
		feed->waiter_count--;
		waiter_end(waiter, code, message);
	}
}

static bool waiter_satisfied(const struct waiter *waiter, int64_t change)
{
	return waiter->change <= (uint64_t)change;
}

static bool waiter_late(const struct waiter *waiter, int64_t now)
{
	return waiter->deadline_ms <= now;
}

static bool waiter_removes(const struct waiter *waiter, int64_t unused)
{
	(void)unused;
	return waiter->kind == WAITER_REMOVE;
}

/* All commands of a change are answered. */
static void change_step(struct waiter *waiter)
{
	if (--waiter->open > 0)
		return;
	if (waiter->lost)
		waiter_keep(waiter); /* the next whole feed settles it */
	else
		waiter_end(waiter, 0, "");
}

/* The answer to one command. */
static void change_answered(const char *answer, void *data)
{
	struct waiter *waiter = data;
	struct feed *feed = waiter->feed;

	/* An entry that HAProxy does not have is deleted as well as one that it had. */
	bool refused = answer != NULL && *answer != '\0' && strncmp(answer, "Key not found", 13) != 0;
	waiter->lost |= answer == NULL || refused;
	if (refused)
		log_error("HAProxy refused a route change: %s; sending the whole table", answer);
	change_step(waiter);
	if (refused && feed->feeding == 0)
		feed_whole(feed);
}

/* verb: "add", "set" or "del", which takes no value. */
static void change_send(struct waiter *waiter, const char *verb, const char *key, const char *value)
{
	struct feed *feed = waiter->feed;
	char command[FEED_LINE_MAX + 32];
	struct error err = ERROR_INIT;

	snprintf(command, sizeof command, "%s map " FEED_MAP " %s%s%s\n", verb, key, *value == '\0' ? "" : " ", value);
	waiter->open++;
	/* While the whole table is on its way this change may not be in it: one more feed follows. */
	if (!feed->current || haproxy_command(feed->haproxy, command, change_answered, waiter, &err) == -1) {
		waiter->open--;
		waiter->lost = true;
	}
}

/* Whether a route has an entry with this key; then value is its. */
static bool entry_find(const struct route *route, const char *key, char value[ROUTE_VALUE_TEXT])
{
	char other[ROUTE_KEY_TEXT];

	for (size_t i = 0; route != NULL && route_entry(route, i, other, value); i++)
		if (strcmp(key, other) == 0)
			return true;
	return false;
}

/* Either may be NULL. What goes, goes first. */
static void route_send(struct waiter *waiter, const struct route *before, const struct route *now)
{
	char key[ROUTE_KEY_TEXT], value[ROUTE_VALUE_TEXT], other[ROUTE_VALUE_TEXT];

	for (size_t i = 0; before != NULL && route_entry(before, i, key, value); i++)
		if (!entry_find(now, key, other))
			change_send(waiter, "del", key, "");
	for (size_t i = 0; now != NULL && route_entry(now, i, key, value); i++) {
		bool known = entry_find(before, key, other);
		if (!known || strcmp(value, other) != 0)
			change_send(waiter, known ? "set" : "add", key, value);
	}
}

static void whole_committed(const char *answer, void *data)
{
	struct feed *feed = data;
	uint64_t sent = feed->feeding;

	if (answer == NULL)
		return; /* the next connection starts anew */
	feed->feeding = 0;
	if (*answer != '\0') {
		log_error("HAProxy did not take the route table: %s", answer);
		feed->current = false;
		return; /* the sweep tries again */
	}
	if (feed->refused)
		return; /* not current: the sweep tries again */
	/* Before they are answered: who changes something then, changes a map that is current. */
	feed->current = sent == feed->change;
	waiters_end(feed, waiter_satisfied, (int64_t)sent, 0, "");
	if (!feed->current)
		feed_whole(feed);
}

/* A chunk that fails makes the map incomplete: what came is committed all the same, and all is sent once more. */
static void chunk_answered(const char *answer, void *data)
{
	struct feed *feed = data;

	if (answer == NULL || *answer == '\0')
		return;
	log_error("HAProxy refused routes: %s", answer);
	feed->refused = true;
}

/* A part of the whole table. What cannot even be queued leaves it unsent: the sweep begins again. */
static int part_send(struct feed *feed, const char *command, haproxy_answer_cb *cb)
{
	struct error err = ERROR_INIT;

	if (haproxy_command(feed->haproxy, command, cb, feed, &err) == 0)
		return 0;
	feed->feeding = 0;
	return -1;
}

static void whole_prepared(const char *answer, void *data)
{
	struct feed *feed = data;
	char chunk[FEED_CHUNK + 64], key[ROUTE_KEY_TEXT], value[ROUTE_VALUE_TEXT];
	unsigned int version;

	if (answer == NULL)
		return;
	if (sscanf(answer, "New version created: %u", &version) != 1) {
		log_error("HAProxy cannot prepare map " FEED_MAP ": %s", answer);
		feed->feeding = 0;
		return;
	}
	feed->feeding = feed->change;
	for (size_t i = 0, entry = 0; i < feed->table.count;) {
		int size = snprintf(chunk, sizeof chunk, "add map @%u " FEED_MAP " <<\n", version);
		while (i < feed->table.count && size < FEED_CHUNK - FEED_LINE_MAX) {
			if (route_entry(&feed->table.routes[i], entry++, key, value)) {
				size += snprintf(chunk + size, sizeof chunk - (size_t)size, "%s %s\n", key, value);
			} else {
				entry = 0;
				i++;
			}
		}
		snprintf(chunk + size, sizeof chunk - (size_t)size, "\n");
		if (part_send(feed, chunk, chunk_answered) == -1)
			return;
	}
	snprintf(chunk, sizeof chunk, "commit map @%u " FEED_MAP "\n", version);
	(void)part_send(feed, chunk, whole_committed);
}

static void feed_whole(struct feed *feed)
{
	feed->current = false;
	if (!haproxy_connected(feed->haproxy) || !feed->known)
		return;
	feed->feeding = feed->change;
	feed->refused = false;
	(void)part_send(feed, "prepare map " FEED_MAP "\n", whole_prepared);
}

static void feed_connected(void *data)
{
	struct feed *feed = data;

	log_info("connected to HAProxy%s", feed->known ? ", sending all routes" : "");
	feed_whole(feed);
}

static void feed_disconnected(void *data)
{
	struct feed *feed = data;

	log_warning("the connection to HAProxy ended; connecting anew");
	feed->current = false;
	feed->feeding = 0;
}

static void feed_absent(void *data)
{
	/* A HAProxy that does not run forwards nothing: every removal is fulfilled. */
	waiters_end(data, waiter_removes, 0, 0, "");
}

static void feed_sweep(void *data)
{
	struct feed *feed = data;
	struct error err = ERROR_INIT;

	waiters_end(feed, waiter_late, clock_ms(), ETIMEDOUT,
		    "HAProxy does not answer; the change is kept and made when it does");
	if (!feed->current && feed->feeding == 0)
		feed_whole(feed);
	if (loop_set_timer(feed->timer, FEED_SWEEP_MS, &err) == -1)
		log_error("%s", err.message);
}

struct feed *feed_new(struct loop *loop, const char *socket_path, feed_done_cb *done, void *data, struct error *err)
{
	struct feed *feed = calloc(1, sizeof *feed);
	struct haproxy_events events = { .connected = feed_connected, .disconnected = feed_disconnected,
					 .absent = feed_absent, .data = feed };

	if (feed == NULL) {
		error_set(err, ENOMEM, "no memory for the route feed");
		return NULL;
	}
	feed->done = done;
	feed->data = data;
	feed->change = 1;
	feed->timer = loop_add_timer(loop, FEED_SWEEP_MS, feed_sweep, feed, err);
	feed->haproxy = feed->timer == NULL ? NULL : haproxy_new(loop, socket_path, &events, err);
	if (feed->haproxy == NULL) {
		loop_remove(feed->timer);
		free(feed);
		return NULL;
	}
	haproxy_open(feed->haproxy);
	return feed;
}

struct haproxy *feed_haproxy(struct feed *feed)
{
	return feed->haproxy;
}

/* All its commands are on their way. */
static void change_sent(struct waiter *waiter)
{
	waiter->feed->change++;
	change_step(waiter);
}

int feed_set(struct feed *feed, struct route *route, uint64_t serial, struct error *err)
{
	struct route before;
	struct waiter *waiter = waiter_new(feed, WAITER_SET, serial, err);

	if (waiter == NULL) {
		route_free(route);
		return -1;
	}
	const struct route *now = route_table_set(&feed->table, route, &before, err);
	if (now == NULL) {
		free(waiter);
		return -1;
	}
	route_send(waiter, before.label == NULL ? NULL : &before, now);
	route_free(&before);
	change_sent(waiter);
	return 0;
}

int feed_remove(struct feed *feed, const char *label, uint64_t serial, struct error *err)
{
	struct waiter *waiter = waiter_new(feed, WAITER_REMOVE, serial, err);
	const struct route *route;
	size_t place = 0;

	if (waiter == NULL)
		return -1;
	while ((route = route_table_owned(&feed->table, label, &place)) != NULL) {
		route_send(waiter, route, NULL);
		route_table_remove(&feed->table, route->label);
	}
	route = route_table_find(&feed->table, label);
	if (route != NULL)
		route_send(waiter, route, NULL);
	route_table_remove(&feed->table, label);
	change_sent(waiter);
	return 0;
}

int feed_replace(struct feed *feed, struct route_table *table, uint64_t serial, struct error *err)
{
	struct waiter *waiter = waiter_new(feed, WAITER_REPLACE, serial, err);
	if (waiter == NULL)
		return -1;
	route_table_clear(&feed->table);
	feed->table = *table;
	*table = (struct route_table){ 0 };
	feed->known = true;
	feed->change++;
	waiter_keep(waiter);
	if (feed->feeding == 0)
		feed_whole(feed);
	return 0;
}

const struct route_table *feed_table(const struct feed *feed)
{
	return &feed->table;
}

int feed_guard(struct feed *feed, feed_guarded_cb *guarded, void *data, uint64_t serial, struct error *err)
{
	struct waiter *waiter = waiter_new(feed, WAITER_SET, serial, err);
	size_t changes = 0;

	if (waiter == NULL)
		return -1;
	for (size_t i = 0; i < feed->table.count; i++) {
		struct route *route = &feed->table.routes[i], before = *route;
		route->guarded = guarded(route, data);
		if (route->guarded == before.guarded)
			continue;
		changes += 2 + 2 * route->service_count;
		if (changes <= FEED_CHANGES_MAX)
			route_send(waiter, &before, route);
	}
	if (changes <= FEED_CHANGES_MAX) {
		change_sent(waiter);
		return 0;
	}
	waiter->lost = true;
	change_sent(waiter);
	if (feed->feeding == 0)
		feed_whole(feed);
	return 0;
}
