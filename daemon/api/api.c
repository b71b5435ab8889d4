/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api: the role that speaks HTTP and owns the state. It has no privilege: its
 * own user, no new privileges, a short list of system calls, and two channels.
 */
#include "daemon/api/access.h"
#include "daemon/api/api.h"
#include "daemon/api/copy.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/api/fetch.h"
#include "daemon/api/firewall.h"
#include "daemon/api/lifecycle.h"
#include "daemon/api/merge.h"
#include "daemon/api/peer.h"
#include "daemon/api/removal.h"
#include "daemon/api/revival.h"
#include "daemon/api/runtime.h"
#include "daemon/api/server.h"
#include "daemon/api/store.h"
#include "daemon/api/sync.h"
#include "daemon/lib/error.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/protocol.h"
#include "daemon/lib/reporter.h"
#include "daemon/lib/sandbox.h"
#include "daemon/roles.h"

enum {
	RESUME_MS = 10000, /* between two looks for removals that got stuck */
	FILES_MAX = 1024,  /* connections, uploads, sessions in containers, the store */
};

static struct loop_source *resume_timer;
static struct sync *engine_sync, *gate_sync, *audit_sync;

static void api_resume(void *data)
{
	struct api *api = data;
	struct error err = ERROR_INIT;

	removal_resume(api);
	copy_resume(api);
	if (loop_set_timer(resume_timer, RESUME_MS, &err) == -1)
		log_error("%s", err.message);
}

static void engine_hello(struct peer *peer, void *data)
{
	(void)peer;
	(void)data;
	sync_begin(engine_sync);
}

static void gate_hello(struct peer *peer, void *data)
{
	(void)peer;
	(void)data;
	sync_begin(gate_sync);
}

static void audit_hello(struct peer *peer, void *data)
{
	(void)peer;
	(void)data;
	sync_begin(audit_sync);
}

/* It asks nothing and keeps nothing. */
static void records_hello(struct peer *peer, void *data)
{
	(void)data;
	peer_release(peer);
}

static void peer_event(struct peer *peer, const struct message *message, void *data)
{
	struct api *api = data;

	if (peer == api->engine && message->type == MESSAGE_CONTAINER_STATE) {
		const struct container_state_message *state = message->payload;
		runtime_take(api->store, state);
		if (state->unmerged != 0)
			merge_take_unmerged(api->store, state->id);
		revival_see(state);
	} else if (peer == api->engine && message->type == MESSAGE_UNPROFITABLE) {
		merge_take_unprofitable(api->store, ((const struct container_id_message *)message->payload)->id);
	} else {
		log_error("a peer sent a frame of type %u, which api does not take", message->type);
	}
}

static void peer_closed(struct peer *peer, void *data)
{
	struct api *api = data;

	(void)peer;
	loop_stop(api->loop, 1); /* the supervisor starts this role again */
}

static void api_signal(int signo, void *data)
{
	struct api *api = data;

	if (signo == SIGPWR)
		lifecycle_stop_all(api);
	else
		loop_stop(api->loop, 0);
}

static int api_enter(struct error *err)
{
	/* For SQLite, libmicrohttpd, the spool, the input of commands and the channels of pulls. */
	static const int syscalls[] = {
		SCMP_SYS(accept4), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
		SCMP_SYS(pwrite64), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(unlink),
		SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(getcwd), SCMP_SYS(readlink),
		SCMP_SYS(fchmod), SCMP_SYS(fstatfs), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(sysinfo),
		SCMP_SYS(memfd_create), SCMP_SYS(socketpair), SCMP_SYS(mlock), SCMP_SYS(munlock),
	};
	const struct sandbox sandbox = {
		.uid = ROLE_UID_API, .gid = ROLE_GID, .files_max = FILES_MAX,
		.syscalls = syscalls, .syscall_count = sizeof syscalls / sizeof syscalls[0],
#ifndef __SANITIZE_ADDRESS__
		.memory_max = UINT64_C(512) << 20,
#endif
	};

	return sandbox_enter(&sandbox, err);
}

int api_main(int argc, char **argv)
{
	static struct api api = { .stopping = -1 };
	struct error err = ERROR_INIT;
	int code;
	struct peer_events engine_events = { engine_hello, peer_event, peer_closed, &api };
	struct peer_events gate_events = { gate_hello, peer_event, peer_closed, &api };
	struct peer_events audit_events = { audit_hello, peer_event, peer_closed, &api };
	struct peer_events records_events = { records_hello, peer_event, peer_closed, &api };

	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	json_wipe();
	umask(077);
	if (hostcfg_load("/run/bulkhead/host.json", &api.cfg, &err) == -1 && err.code != ENOENT)
		log_warning("%s; going on with defaults", err.message);
	if (reporter_connect(&err) == -1 || api_enter(&err) == -1)
		goto fail;
	api.loop = loop_new(&err);
	if (api.loop == NULL || reporter_open(api.loop, &err) == -1 || loop_add_signal(api.loop, SIGTERM, api_signal, &api, &err) == NULL ||
	    loop_add_signal(api.loop, SIGPWR, api_signal, &api, &err) == NULL)
		goto fail;
	api.store = store_open(API_STATE_PATH, &err);
	if (api.store == NULL || runtime_open(api.store, &err) == -1 || fetch_init(&api, &err) == -1 ||
	    revival_init(&api, &err) == -1 || firewall_init(&api, &err) == -1 || access_init(&api, &err) == -1)
		goto fail;
	api.engine = peer_new(api.loop, ROLE_FD_ENGINE, "engine", &engine_events, &err);
	api.gate = api.engine == NULL ? NULL : peer_new(api.loop, ROLE_FD_GATE, "gate", &gate_events, &err);
	api.audit = api.gate == NULL ? NULL : peer_new(api.loop, ROLE_FD_AUDIT, "audit", &audit_events, &err);
	api.records = api.audit == NULL ? NULL : peer_new(api.loop, ROLE_FD_READER, "records", &records_events, &err);
	if (api.records == NULL)
		goto fail;
	engine_sync = sync_new_engine(&api, &err);
	gate_sync = engine_sync == NULL ? NULL : sync_new_gate(&api, &err);
	audit_sync = gate_sync == NULL ? NULL : sync_new_audit(&api, &err);
	if (audit_sync == NULL)
		goto fail;
	/* They may have said hello to a process before this one. */
	sync_begin(engine_sync);
	sync_begin(gate_sync);
	sync_begin(audit_sync);
	resume_timer = loop_add_timer(api.loop, 0, api_resume, &api, &err);
	if (resume_timer == NULL || server_new(&api, ROLE_FD_LISTEN, 0, &err) == NULL ||
	    server_new(&api, ROLE_FD_LOCAL, 1, &err) == NULL)
		goto fail;
	log_info("serving");
	code = loop_run(api.loop, &err);
	if (code == -1)
		goto fail;
	store_close(api.store);
	return code;

fail:
	log_error("%s", err.message);
	return 1;
}
