/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate: the role between api and HAProxy. It takes routes from api, checks them
 * again, and holds HAProxy's runtime socket, which api therefore never sees.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/gate/agent.h"
#include "daemon/gate/assertion.h"
#include "daemon/gate/certificate.h"
#include "daemon/gate/feed.h"
#include "daemon/gate/gate.h"
#include "daemon/gate/hasher.h"
#include "daemon/gate/lease.h"
#include "daemon/gate/ledger.h"
#include "daemon/gate/rulebook.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/permissions.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/reporter.h"
#include "daemon/lib/sandbox.h"
#include "daemon/roles.h"

struct gate {
	struct loop *loop;
	struct channel *api;
	struct feed *feed;
	struct rulebook book;
	bool book_known;         /* all permissions have come: until then nobody is let in by them */
	bool book_syncing;       /* between HELLO and the end of that list */
	uint32_t book_frames;
	struct rulebook book_sync; /* what came of it so far */
	bool syncing;            /* between HELLO and the end of the list; SYNC frames outside are not for us */
	uint32_t sync_frames;
	struct route_table sync; /* what came of a ROUTE_SYNC so far */
	struct hostcfg_address pool;
};

static void gate_answer(uint64_t serial, int code, const char *message, void *data)
{
	struct gate *gate = data;
	struct result_message result = { .code = (uint32_t)code };
	struct error err = ERROR_INIT;

	snprintf(result.message, sizeof result.message, "%s", message);
	if (channel_send(gate->api, MESSAGE_RESULT, serial, &result, sizeof result, -1, &err) == -1)
		log_error("cannot answer api: %s", err.message);
}

/* Realm, project or container has permissions, or the realm wants to know of each request before it goes on. */
static bool guarded(const struct route *route, void *data)
{
	const struct gate *gate = data;
	char project[ID_TEXT], container[ID_TEXT];

	route_ids(route, project, container);
	return ledger_mode(route->realm) != AUDIT_BEST_EFFORT || rulebook_find(&gate->book, route->realm) != NULL || rulebook_find(&gate->book, project) != NULL ||
	       rulebook_find(&gate->book, container) != NULL;
}

/* The address must be a container's: HAProxy also reaches the host's own services. */
static int route_take(struct gate *gate, const struct route_message *message, struct route *ret_route, struct error *err)
{
	uint32_t mask = (uint32_t)(UINT64_C(0xffffffff) << (32 - gate->pool.prefix));
	uint32_t pool = ntohl(gate->pool.v4.s_addr) & mask;

	if ((ntohl(message->ipv4) & mask) != pool)
		return error_field(err, "ipv4", "the address is outside the containers' pool");
	if (route_make(message, ret_route, err) == -1)
		return -1;
	ret_route->guarded = guarded(ret_route, gate);
	return 0;
}

static void sync_begin(struct gate *gate)
{
	route_table_clear(&gate->sync);
	gate->syncing = true;
	gate->sync_frames = 0;
	rulebook_clear(&gate->book_sync);
	gate->book_syncing = true;
	gate->book_frames = 0;
}

/* -- permissions -- */

/* What api wrote; without a file: none. */
static int permissions_take(int fd, struct permissions *ret_permissions, struct error *err)
{
	*ret_permissions = (struct permissions){ 0 };
	if (fd == -1)
		return 0;
	cleanup_json json_t *document = json_read_fd(fd, PERMISSIONS_TEXT_MAX, err);
	return document == NULL ? -1 : permissions_read(document, ret_permissions, NULL, err);
}

static void book_end(struct gate *gate, uint32_t count)
{
	struct error err = ERROR_INIT;

	gate->book_syncing = false;
	if (count != gate->book_frames) {
		log_error("api's list of permissions has %u entries, %u arrived; it is left without effect", count, gate->book_frames);
		rulebook_clear(&gate->book_sync);
		return;
	}
	rulebook_clear(&gate->book);
	gate->book = gate->book_sync;
	gate->book_sync = (struct rulebook){ 0 };
	gate->book_known = true;
	if (feed_guard(gate->feed, guarded, gate, 0, &err) == -1)
		log_error("%s", err.message);
}

/* What cannot be read shuts: a document that cuts takes its place. */
static void permissions_sync(struct gate *gate, const struct permissions_message *message, int fd)
{
	struct permissions permissions;
	struct error err = ERROR_INIT;

	if (!gate->book_syncing)
		return;
	if (message->id[0] == '\0') {
		book_end(gate, message->count);
		return;
	}
	gate->book_frames++;
	if (permissions_take(fd, &permissions, &err) == -1) {
		log_error("the permissions of %s cannot be read, so nobody is let in there: %s", message->id, err.message);
		permissions = (struct permissions){ .cut = true };
	}
	if (rulebook_set(&gate->book_sync, message->id, &permissions, &err) == -1) {
		log_error("%s", err.message);
		gate->book_frames--; /* the list is not whole, and will be without effect */
	}
}

static int permissions_set(struct gate *gate, const struct permissions_message *message, int fd, uint64_t serial, struct error *err)
{
	struct permissions permissions;

	/* Over what a list under way says, which may have been made before. */
	if (gate->book_syncing && (permissions_take(fd, &permissions, err) == -1 || rulebook_set(&gate->book_sync, message->id, &permissions, err) == -1))
		return -1;
	if (permissions_take(fd, &permissions, err) == -1 || rulebook_set(&gate->book, message->id, &permissions, err) == -1)
		return -1;
	return feed_guard(gate->feed, guarded, gate, serial, err);
}

/* -- the audit log -- */

static int audit_take(struct gate *gate, const struct audit_message *message, uint64_t serial, struct error *err)
{
	if (message->id[0] == '\0')
		return 0; /* the end of the list: what was not named is not asked about either */
	if (ledger_set(message->id, (enum audit_mode)message->mode, err) == -1)
		return -1;
	if (serial == 0)
		return 0; /* the routes follow */
	return feed_guard(gate->feed, guarded, gate, serial, err);
}

/* -- passwords -- */

struct hashing {
	struct gate *gate;
	uint64_t serial;
};

static void hashed(int code, const char *hash, void *data)
{
	struct hashing *hashing = data;
	struct password_message answer = { .hash = "" };
	struct error err = ERROR_INIT;

	if (code != 0) {
		gate_answer(hashing->serial, code, "the password could not be hashed", hashing->gate);
	} else {
		snprintf(answer.hash, sizeof answer.hash, "%s", hash);
		if (channel_send(hashing->gate->api, MESSAGE_PASSWORD_HASH_REPLY, hashing->serial, &answer, sizeof answer, -1, &err) == -1)
			log_error("cannot answer api: %s", err.message);
	}
	free(hashing);
}

static int password_take(struct gate *gate, const struct password_message *message, uint64_t serial, struct error *err)
{
	struct hashing *hashing = calloc(1, sizeof *hashing);

	if (hashing == NULL)
		return error_set(err, ENOMEM, "no memory for a password");
	*hashing = (struct hashing){ .gate = gate, .serial = serial };
	if (hasher_hash(message->password, hashed, hashing, err) == 0)
		return 0;
	free(hashing);
	return -1;
}

/* -- routes -- */

static int sync_end(struct gate *gate, uint32_t count, uint64_t serial, struct error *err)
{
	int result;

	gate->syncing = false;
	if (count != gate->sync_frames)
		result = error_set(err, EPROTO, "api's list of routes has %u entries, %u arrived; it is left without effect",
				   count, gate->sync_frames);
	else
		result = feed_replace(gate->feed, &gate->sync, serial, err);
	route_table_clear(&gate->sync);
	/* Permissions may have changed since the first of them came. */
	return result == -1 ? -1 : feed_guard(gate->feed, guarded, gate, 0, err);
}

static int route_sync(struct gate *gate, const struct route_message *message, uint64_t serial, struct error *err)
{
	struct route route, before;

	if (!gate->syncing)
		return 0;
	if (message->label[0] == '\0')
		return sync_end(gate, message->count, serial, err);
	gate->sync_frames++;
	if (route_take(gate, message, &route, err) == -1 || route_table_set(&gate->sync, &route, &before, err) == NULL)
		return error_wrap(err, "route %s is left out", message->label);
	route_free(&before);
	return 0;
}

/* A change holds over what a list under way, which may have been made before it, has said or does not say. */
static int route_set(struct gate *gate, const struct route_message *message, uint64_t serial, struct error *err)
{
	struct route route, before;

	if (gate->syncing) {
		if (route_take(gate, message, &route, err) == -1 || route_table_set(&gate->sync, &route, &before, err) == NULL)
			return -1;
		route_free(&before);
	}
	if (route_take(gate, message, &route, err) == -1)
		return -1;
	return feed_set(gate->feed, &route, serial, err);
}

static int route_delete(struct gate *gate, const struct route_message *message, uint64_t serial, struct error *err)
{
	const struct route *alias;

	for (size_t place = 0; (alias = route_table_owned(&gate->sync, message->label, &place)) != NULL;)
		route_table_remove(&gate->sync, alias->label);
	route_table_remove(&gate->sync, message->label);
	return feed_remove(gate->feed, message->label, serial, err);
}

static void gate_message(struct channel *channel, struct message *message, void *data)
{
	struct gate *gate = data;
	const void *payload = message->payload;
	struct error err = ERROR_INIT;
	int result = 0;

	(void)channel;
	switch (message->type) {
	case 0:
		loop_stop(gate->loop, 1); /* the supervisor starts this role again */
		return;
	case MESSAGE_HELLO:
		sync_begin(gate);
		return;
	case MESSAGE_ROUTE_SET:
		result = route_set(gate, payload, message->serial, &err);
		break;
	case MESSAGE_ROUTE_DELETE:
		result = route_delete(gate, payload, message->serial, &err);
		break;
	case MESSAGE_PERMISSIONS:
		if (message->serial == 0) {
			permissions_sync(gate, payload, message->fd);
			return;
		}
		result = permissions_set(gate, payload, message->fd, message->serial, &err);
		break;
	case MESSAGE_IDENTITY_KEY:
		if (assertion_key(((const struct identity_key_message *)payload)->key, &err) == -1)
			log_error("%s", err.message);
		return;
	case MESSAGE_PASSWORD_HASH:
		result = password_take(gate, payload, message->serial, &err);
		break;
	case MESSAGE_AUDIT:
		result = audit_take(gate, payload, message->serial, &err);
		break;
	case MESSAGE_CERTIFICATE_TRY:
		result = certificate_try(message->fd, message->serial, &err);
		break;
	case MESSAGE_CERTIFICATE_USE:
		result = certificate_use(message->serial, &err);
		break;
	case MESSAGE_ROUTE_SYNC:
		if (route_sync(gate, payload, message->serial, &err) == -1)
			log_error("%s", err.message);
		return;
	default: /* not our enum: any number can be in a frame */
		log_error("api sent a frame of type %u, which gate does not take", message->type);
		return;
	}
	if (result == -1 && message->serial == 0)
		log_error("%s", err.message);
	else if (result == -1)
		gate_answer(message->serial, err.code, err.message, gate);
}

static void gate_signal(int signo, void *data)
{
	struct gate *gate = data;

	(void)signo;
	loop_stop(gate->loop, 0);
}

int gate_sandbox(struct error *err)
{
	static const int syscalls[] = { SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(accept4), SCMP_SYS(mlock) };
	static const struct sandbox sandbox = {
		.uid = ROLE_UID_GATE, .gid = ROLE_GID, .files_max = 512,
		.syscalls = syscalls, .syscall_count = sizeof syscalls / sizeof syscalls[0],
	};

	return sandbox_enter(&sandbox, err);
}

int gate_main(int argc, char **argv)
{
	static struct hostcfg cfg;
	struct hello_message hello = { .version = PROTOCOL_VERSION, .pid = (uint32_t)getpid() };
	struct gate gate = { 0 };
	struct error err = ERROR_INIT;
	int code, hasher;

	(void)argc;
	(void)argv;
	json_wipe();
	signal(SIGPIPE, SIG_IGN);
	if (hostcfg_load("/run/bulkhead/host.json", &cfg, &err) == -1 && err.code != ENOENT)
		log_warning("%s; going on with defaults", err.message);
	gate.pool = cfg.container_pool;
	assertion_init(cfg.domain);
	hasher = hasher_fork(&err);
	if (hasher == -1)
		goto fail;
	gate.loop = loop_new(&err);
	if (gate.loop == NULL || reporter_connect(&err) == -1 || gate_sandbox(&err) == -1 || reporter_open(gate.loop, &err) == -1 || hasher_open(gate.loop, hasher, &err) == -1 ||
	    loop_add_signal(gate.loop, SIGTERM, gate_signal, &gate, &err) == NULL)
		goto fail;
	gate.api = channel_new(gate.loop, ROLE_FD_API, gate_message, &gate, &err);
	if (gate.api == NULL)
		goto fail;
	gate.feed = feed_new(gate.loop, "/run/haproxy/admin.sock", gate_answer, &gate, &err);
	if (gate.feed == NULL)
		goto fail;
	if (agent_open(gate.loop, ROLE_FD_AGENT, gate.feed, &gate.book, &gate.book_known, &err) == -1)
		goto fail;
	certificate_init(feed_haproxy(gate.feed), gate_answer, &gate);
	if (ledger_watch(gate.loop, feed_haproxy(gate.feed), &err) == -1 || lease_init(gate.loop, feed_haproxy(gate.feed), &err) == -1)
		goto fail;
	if (channel_send(gate.api, MESSAGE_HELLO, 0, &hello, sizeof hello, -1, &err) == -1)
		goto fail;
	code = loop_run(gate.loop, &err);
	if (code != -1)
		return code;
fail:
	log_error("%s", err.message);
	return 1;
}
