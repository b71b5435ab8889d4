/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/api/sync.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api/access.h"
#include "daemon/api/address_set.h"
#include "daemon/api/api.h"
#include "daemon/api/audit.h"
#include "daemon/api/container.h"
#include "daemon/api/firewall.h"
#include "daemon/api/identity.h"
#include "daemon/api/peer.h"
#include "daemon/api/permissions.h"
#include "daemon/api/routes.h"
#include "daemon/api/store.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/record.h"

enum {
	SLICE = 64,      /* frames, each of up to 14 KiB, before the peer gets time to read */
	SLICE_MS = 10,
	FULL_MS = 100,   /* the channel is full: the peer is busy */
	RETRY_MS = 2000, /* anything else that failed */
};

/* Tells the row behind sync->last. 1: told, 0: there was none and the list is ended, -1 with err: nothing was told. */
typedef int sync_part(struct sync *sync, struct error *err);

struct sync {
	struct api *api;
	struct peer *peer;
	struct loop_source *timer;
	sync_part *const *parts; /* NULL ends */
	size_t part;
	char last[DIGEST_TEXT];
	uint32_t count; /* entries of the present list so far: its end bears it */
};

/* The first row of column behind last: 1 and sync->last moved on, 0: none, -1 with err. An empty row ends a list. */
static int sync_next(struct sync *sync, const char *sql, char *ret_row, size_t room, struct error *err)
{
	cleanup_query sqlite3_stmt *query = store_query(sync->api->store, err, sql, "s", sync->last);
	int step = query == NULL ? -1 : query_step(query, err);

	if (step != -1)
		snprintf(ret_row, room, "%s", step == 1 ? query_text(query, 0) : "");
	return step;
}

static int sync_tell(struct sync *sync, uint32_t type, const void *payload, size_t size, int fd, const char *row, struct error *err)
{
	if (peer_tell(sync->peer, type, payload, size, fd, err) == -1)
		return -1;
	snprintf(sync->last, sizeof sync->last, "%s", row);
	sync->count = *row == '\0' ? 0 : sync->count + 1;
	return *row == '\0' ? 0 : 1;
}

/* The peer may hold the beginning of an earlier list, of this process or the one before: it forgets it. */
static int hello_tell(struct sync *sync, struct error *err)
{
	struct hello_message hello = { .version = PROTOCOL_VERSION, .pid = (uint32_t)getpid() };

	return sync_tell(sync, MESSAGE_HELLO, &hello, sizeof hello, -1, "", err);
}

static int access_tell(struct sync *sync, struct error *err)
{
	struct access_message access;
	cleanup_fd int fd = -1;

	if (access_fill(&access, &fd, err) == -1)
		return -1;
	return sync_tell(sync, MESSAGE_ACCESS, &access, sizeof access, fd, "", err);
}

static int image_tell(struct sync *sync, struct error *err)
{
	struct image_message image = { 0 };

	if (sync_next(sync, "SELECT digest FROM image_layers WHERE digest > ? ORDER BY digest LIMIT 1", image.digest,
		      sizeof image.digest, err) == -1)
		return -1;
	if (image.digest[0] == '\0')
		image.count = sync->count;
	return sync_tell(sync, MESSAGE_IMAGE_SYNC, &image, sizeof image, -1, image.digest, err);
}

/* No end of its own: the containers follow, and are counted on. */
static int snapshot_tell(struct sync *sync, struct error *err)
{
	struct container_id_message snapshot = { 0 };

	int next = sync_next(sync, "SELECT id FROM snapshots WHERE deleted IS NULL AND id > ? ORDER BY id LIMIT 1", snapshot.id,
			     sizeof snapshot.id, err);
	if (next == 1)
		return sync_tell(sync, MESSAGE_SNAPSHOT_SYNC, &snapshot, sizeof snapshot, -1, snapshot.id, err);
	if (next == 0)
		sync->last[0] = '\0';
	return next;
}

static int container_tell(struct sync *sync, struct error *err)
{
	static struct container_message message; /* large */
	enum { ORDER_SIZE = 4 };
	char key[ORDER_SIZE + ID_TEXT];
	const char *id = key + ORDER_SIZE;

	/* As the engine hears of them it starts them: lowest start_order first. */
	int next = sync_next(sync,
			     "SELECT printf('%04d', start_order) || id FROM containers WHERE deleted IS NULL AND"
			     " printf('%04d', start_order) || id > ? ORDER BY printf('%04d', start_order) || id LIMIT 1",
			     key, sizeof key, err);
	if (next == -1)
		return -1;
	message = (struct container_message){ 0 };
	if (next == 1 && container_message_fill(sync->api, id, &message, err) == -1) {
		if (err->code != EINVAL)
			return -1;
		/* A row that makes no sense must not keep all others down. Left out, it would lose its files. */
		log_error("container %s is not started: %s", id, err->message);
		snprintf(message.id, sizeof message.id, "%s", id);
		message.wanted = CONTAINER_WANTED_STOPPED;
	}
	if (next == 0)
		message.count = sync->count;
	return sync_tell(sync, MESSAGE_CONTAINER_SYNC, &message, sizeof message, -1, key, err);
}

static int address_set_tell(struct sync *sync, struct error *err)
{
	struct address_set_message set = { 0 };
	char id[ID_TEXT];

	int next = sync_next(sync, "SELECT id FROM address_sets WHERE id > ? ORDER BY id LIMIT 1", id, sizeof id, err);
	cleanup_fd int fd = -1;
	if (next == 1 && address_set_fill(sync->api->store, id, &set, &fd, err) == -1) {
		if (err->code != EBADMSG)
			return -1;
		/* As with a container: one row must not keep all others down. */
		log_error("address set %s is empty: %s", id, err->message);
		snprintf(set.id, sizeof set.id, "%s", id);
		next = (fd = fd_memory("addresses", "", 0, err)) == -1 ? -1 : 1;
	}
	if (next == -1)
		return -1;
	if (next == 0)
		set.count = sync->count;
	return sync_tell(sync, MESSAGE_ADDRESS_SET, &set, sizeof set, fd, id, err);
}

/* Only what runs, or will: another container's rules are told before it starts. */
static int rules_tell(struct sync *sync, struct error *err)
{
	struct rules_message rules = { 0 };
	char id[ID_TEXT];

	int next = sync_next(sync, "SELECT id FROM containers WHERE deleted IS NULL AND wanted = 1 AND id > ? ORDER BY id LIMIT 1", id, sizeof id,
			     err);
	cleanup_fd int fd = -1;
	if (next == -1 || (next == 1 && firewall_fill(sync->api, id, &rules, &fd, err) == -1))
		return -1;
	if (next == 0)
		rules.count = sync->count;
	return sync_tell(sync, MESSAGE_RULES, &rules, sizeof rules, fd, id, err);
}

static int identity_tell(struct sync *sync, struct error *err)
{
	struct identity_key_message identity;

	if (identity_load(sync->api->store, &identity, err) == -1)
		return -1;
	int told = sync_tell(sync, MESSAGE_IDENTITY_KEY, &identity, sizeof identity, -1, "", err);
	explicit_bzero(&identity, sizeof identity);
	return told;
}

static int permissions_tell(struct sync *sync, struct error *err)
{
	struct permissions_message permissions = { .count = 0 };
	char id[ID_TEXT];

	int next = sync_next(sync, "SELECT id FROM permissions WHERE id > ? ORDER BY id LIMIT 1", id, sizeof id, err);
	cleanup_fd int fd = -1;
	if (next == -1 || (next == 1 && permissions_fill(sync->api->store, id, &permissions, &fd, err) == -1))
		return -1;
	if (next == 0)
		permissions.count = sync->count;
	return sync_tell(sync, MESSAGE_PERMISSIONS, &permissions, sizeof permissions, fd, id, err);
}

static int audit_tell(struct sync *sync, struct error *err)
{
	struct audit_message audit = { .count = 0 };
	char id[ID_TEXT];

	/* The host's log among those of realms. */
	int next = sync_next(sync, "SELECT id FROM (SELECT id FROM realms UNION ALL SELECT '" RECORD_HOST "') WHERE id > ? ORDER BY id LIMIT 1", id, sizeof id, err);
	if (next == -1 || (next == 1 && audit_fill(sync->api->store, id, &audit, err) == -1))
		return -1;
	if (next == 0)
		audit.count = sync->count;
	return sync_tell(sync, MESSAGE_AUDIT, &audit, sizeof audit, -1, id, err);
}

/* No end of its own: the aliases follow, and are counted on. */
static int route_tell(struct sync *sync, struct error *err)
{
	struct route_message route = { 0 };
	char id[ID_TEXT];

	int next = sync_next(sync, "SELECT id FROM containers WHERE deleted IS NULL AND wanted = 1 AND id > ? ORDER BY id LIMIT 1",
			     id, sizeof id, err);
	if (next == 0)
		sync->last[0] = '\0';
	if (next != 1)
		return next;
	if (route_fill(sync->api, id, &route, err) == -1)
		return -1;
	return sync_tell(sync, MESSAGE_ROUTE_SYNC, &route, sizeof route, -1, id, err);
}

static int alias_tell(struct sync *sync, struct error *err)
{
	struct route_message route = { 0 };
	char id[ID_TEXT];

	int next = sync_next(sync, "SELECT a.id FROM aliases a JOIN containers c ON c.id = a.container WHERE a.enabled = 1 AND c.deleted IS NULL"
				   " AND c.wanted = 1 AND a.id > ? ORDER BY a.id LIMIT 1", id, sizeof id, err);
	if (next == 1 && route_fill_alias(sync->api, id, &route, err) == -1) {
		if (err->code != EINVAL)
			return -1;
		/* A row that makes no sense must not keep all others from being told. */
		log_error("alias %s leads nowhere: %s", id, err->message);
		snprintf(sync->last, sizeof sync->last, "%s", id);
		return 1;
	}
	if (next == -1)
		return -1;
	if (next == 0)
		route.count = sync->count;
	return sync_tell(sync, MESSAGE_ROUTE_SYNC, &route, sizeof route, -1, id, err);
}

static sync_part *const engine_parts[] = { hello_tell, access_tell, image_tell, address_set_tell, rules_tell, snapshot_tell, container_tell, NULL };
static sync_part *const gate_parts[] = { hello_tell, identity_tell, permissions_tell, audit_tell, route_tell, alias_tell, NULL };
static sync_part *const audit_parts[] = { hello_tell, audit_tell, NULL };

static void sync_wait(struct sync *sync, int64_t ms)
{
	struct error err = ERROR_INIT;

	if (loop_set_timer(sync->timer, ms, &err) == -1)
		log_error("%s", err.message);
}

static void sync_step(void *data)
{
	struct sync *sync = data;
	struct error err = ERROR_INIT;

	if (sync->parts[sync->part] == NULL)
		return; /* the timer of a walk that was begun anew meanwhile */
	for (int i = 0; i < SLICE; i++) {
		int told = sync->parts[sync->part](sync, &err);
		if (told == -1) {
			if (err.code != ENOBUFS)
				log_error("cannot tell a peer what should be, trying again: %s", err.message);
			sync_wait(sync, err.code == ENOBUFS ? FULL_MS : RETRY_MS);
			return;
		}
		if (told == 0 && sync->parts[++sync->part] == NULL) {
			peer_release(sync->peer);
			return;
		}
	}
	sync_wait(sync, SLICE_MS);
}

void sync_begin(struct sync *sync)
{
	peer_hold(sync->peer);
	sync->part = 0;
	sync->last[0] = '\0';
	sync->count = 0;
	sync_step(sync);
}

static struct sync *sync_new(struct api *api, struct peer *peer, sync_part *const *parts, struct error *err)
{
	struct sync *sync = calloc(1, sizeof *sync);

	if (sync == NULL) {
		error_set(err, ENOMEM, "no memory for telling a peer");
		return NULL;
	}
	*sync = (struct sync){ .api = api, .peer = peer, .parts = parts };
	sync->timer = loop_add_timer(api->loop, -1, sync_step, sync, err);
	if (sync->timer == NULL) {
		free(sync);
		return NULL;
	}
	return sync;
}

struct sync *sync_new_engine(struct api *api, struct error *err)
{
	return sync_new(api, api->engine, engine_parts, err);
}

struct sync *sync_new_gate(struct api *api, struct error *err)
{
	return sync_new(api, api->gate, gate_parts, err);
}

struct sync *sync_new_audit(struct api *api, struct error *err)
{
	return sync_new(api, api->audit, audit_parts, err);
}

void sync_free(struct sync *sync)
{
	if (sync == NULL)
		return;
	loop_remove(sync->timer);
	free(sync);
}
