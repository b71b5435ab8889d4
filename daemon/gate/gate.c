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

#include "daemon/gate/certificate.h"
#include "daemon/gate/feed.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/sandbox.h"
#include "daemon/roles.h"

struct gate {
	struct loop *loop;
	struct channel *api;
	struct feed *feed;
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

/* The address must be a container's: HAProxy also reaches the host's own services. */
static int route_take(const struct gate *gate, const struct route_message *message, struct route *ret_route, struct error *err)
{
	uint32_t mask = (uint32_t)(UINT64_C(0xffffffff) << (32 - gate->pool.prefix));
	uint32_t pool = ntohl(gate->pool.v4.s_addr) & mask;

	if ((ntohl(message->ipv4) & mask) != pool)
		return error_field(err, "ipv4", "the address is outside the containers' pool");
	return route_make(message, ret_route, err);
}

static void sync_begin(struct gate *gate)
{
	route_table_clear(&gate->sync);
	gate->syncing = true;
	gate->sync_frames = 0;
}

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
	return result;
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
	const struct route_message *payload = message->payload;
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
	if (result == -1)
		gate_answer(message->serial, err.code, err.message, gate);
}

static void gate_signal(int signo, void *data)
{
	struct gate *gate = data;

	(void)signo;
	loop_stop(gate->loop, 0);
}

int gate_main(int argc, char **argv)
{
	static const int syscalls[] = { SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(mlock) };
	static const struct sandbox sandbox = {
		.uid = ROLE_UID_GATE, .gid = ROLE_GID, .files_max = 64,
		.syscalls = syscalls, .syscall_count = sizeof syscalls / sizeof syscalls[0],
	};
	static struct hostcfg cfg;
	struct hello_message hello = { .version = PROTOCOL_VERSION, .pid = (uint32_t)getpid() };
	struct gate gate = { 0 };
	struct error err = ERROR_INIT;
	int code;

	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	if (hostcfg_load("/run/bulkhead/host.json", &cfg, &err) == -1 && err.code != ENOENT)
		log_warning("%s; going on with defaults", err.message);
	gate.pool = cfg.container_pool;
	gate.loop = loop_new(&err);
	if (gate.loop == NULL || sandbox_enter(&sandbox, &err) == -1 ||
	    loop_add_signal(gate.loop, SIGTERM, gate_signal, &gate, &err) == NULL)
		goto fail;
	gate.api = channel_new(gate.loop, ROLE_FD_API, gate_message, &gate, &err);
	if (gate.api == NULL)
		goto fail;
	gate.feed = feed_new(gate.loop, "/run/haproxy/admin.sock", gate_answer, &gate, &err);
	if (gate.feed == NULL)
		goto fail;
	certificate_init(feed_haproxy(gate.feed), gate_answer, &gate);
	if (channel_send(gate.api, MESSAGE_HELLO, 0, &hello, sizeof hello, -1, &err) == -1)
		goto fail;
	code = loop_run(gate.loop, &err);
	if (code != -1)
		return code;
fail:
	log_error("%s", err.message);
	return 1;
}
