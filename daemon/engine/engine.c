/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/engine/admin.h"
#include "daemon/engine/certificate.h"
#include "daemon/engine/adopt.h"
#include "daemon/engine/cgroup.h"
#include "daemon/engine/confine.h"
#include "daemon/engine/container.h"
#include "daemon/engine/element.h"
#include "daemon/engine/firewall.h"
#include "daemon/engine/flow.h"
#include "daemon/engine/foreign.h"
#include "daemon/engine/governor.h"
#include "daemon/engine/inquiry.h"
#include "daemon/engine/intake.h"
#include "daemon/engine/layer.h"
#include "daemon/engine/lifecycle.h"
#include "daemon/engine/limits.h"
#include "daemon/engine/merge.h"
#include "daemon/engine/naming.h"
#include "daemon/engine/netdev.h"
#include "daemon/engine/profit.h"
#include "daemon/engine/remains.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/rules.h"
#include "daemon/engine/session.h"
#include "daemon/engine/subject.h"
#include "daemon/engine/truth.h"
#include "daemon/engine/upkeep.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"
#include "daemon/lib/message.h"
#include "daemon/lib/protocol.h"

static struct {
	struct loop *loop;
	struct channel *api;
	struct hostcfg cfg;
	bool firewall_lost; /* there was none when this engine started */
} engine;

static void state_tell(const struct container *container, const char *message)
{
	struct container_state_message state = {
		.state = container->frozen && container->state == CONTAINER_STATE_RUNNING ? CONTAINER_STATE_FROZEN
											   : container->state,
		.pid = container->state == CONTAINER_STATE_RUNNING ? (uint32_t)container->init : 0,
		.exit_status = container->exit_status,
		.start_ms = container->start_ms,
		.unmerged = container->state == CONTAINER_STATE_RUNNING && container->message.merge == 0,
	};

	memcpy(state.id, container->message.id, sizeof state.id);
	snprintf(state.message, sizeof state.message, "%s", message);
	reply_frame(MESSAGE_CONTAINER_STATE, 0, &state, sizeof state);
	struct container *c = container_find(container->message.id);
	if (c != NULL && c->state == CONTAINER_STATE_RUNNING && c->message.merge != 0 && c->trial.measured_ms == 0)
		governor_quicken(c);
}

static void unprofitable_tell(const struct container *container)
{
	struct container_id_message message = { 0 };

	memcpy(message.id, container->message.id, sizeof message.id);
	reply_frame(MESSAGE_UNPROFITABLE, 0, &message, sizeof message);
}

static void container_start(const struct message *message)
{
	const struct container_message *wanted = message->payload;
	struct container *c = container_find(wanted->id);
	struct error err = ERROR_INIT;
	int result = 0;

	truth_keep_container(wanted->id);
	if (c == NULL) {
		c = container_add(wanted, &engine.cfg, &err);
		result = c == NULL ? -1 : 0;
	} else if (container_idle(c)) {
		result = container_check(wanted, &engine.cfg, &err);
		if (result == 0)
			c->message = *wanted;
	}
	/* A list under way may have been made before this request: the request holds. */
	if (c != NULL && result == 0)
		c->message.wanted = CONTAINER_WANTED_RUNNING;
	if (result == 0)
		result = lifecycle_start(c, message->serial, &err);
	if (result == -1)
		reply(message->serial, &err);
}

/* Name and limits; the rest holds from the next start on, with which it comes. */
static void container_change(const struct message *message)
{
	const struct container_message *wanted = message->payload;
	struct container *c = container_find(wanted->id);
	struct error err = ERROR_INIT;
	int result = 0;

	if (c != NULL) { /* one that was never started has nothing to change */
		result = container_check(wanted, &engine.cfg, &err);
		if (result == 0)
			result = limits_change(&c->message, wanted, &err);
	}
	if (c != NULL && result == 0) {
		struct container_message *own = &c->message;
		memcpy(own->name, wanted->name, sizeof own->name);
		own->memory_max = wanted->memory_max;
		own->memory_high = wanted->memory_high;
		own->swap_max = wanted->swap_max;
		own->disk_max = wanted->disk_max;
		own->cpu_percent = wanted->cpu_percent;
		own->cpu_weight = wanted->cpu_weight;
		own->pids_max = wanted->pids_max;
		own->read_max = wanted->read_max;
		own->write_max = wanted->write_max;
		memcpy(own->cpus, wanted->cpus, sizeof own->cpus);
	}
	reply_now(message->serial, result, &err);
}

static void container_stop(const struct message *message)
{
	const struct container_stop_message *stop = message->payload;
	struct container *c = container_find(stop->id);
	struct error err = ERROR_INIT;

	if (c == NULL) {
		reply(message->serial, NULL); /* what is not known does not run */
		return;
	}
	c->message.wanted = CONTAINER_WANTED_STOPPED;
	if (lifecycle_stop(c, stop->timeout_ms, message->serial, &err) == -1)
		reply(message->serial, &err);
}

static void container_revoke(const struct message *message)
{
	const struct container_id_message *id = message->payload;
	struct container *c = container_find(id->id);
	struct error err = ERROR_INIT;

	if (c == NULL) {
		subject_forget(id->id);
		reply(message->serial, NULL);
		return;
	}
	c->message.wanted = CONTAINER_WANTED_STOPPED;
	remains_network_close(c); /* before its rules go */
	subject_forget(id->id);
	if (lifecycle_revoke(c, message->serial, &err) == -1)
		reply(message->serial, &err);
}

static void container_delete(const struct message *message)
{
	const struct container_id_message *id = message->payload;
	struct error err = ERROR_INIT;

	if (!id_valid(id->id))
		error_field(&err, "id", "the id is not 24 hexadecimal digits");
	if (err.code != 0 || lifecycle_delete(id->id, message->serial, &err) == -1)
		reply(message->serial, &err);
}

/* A command of a client: the answer has a channel to the process that will run it. */
static void exec_begin(const struct message *message)
{
	const struct exec_message *exec = message->payload;
	const struct container *c = container_find(exec->id);
	struct error err = ERROR_INIT;
	cleanup_fd int session = -1;
	int result = c == NULL ? error_set(&err, EEXIST, "the container does not run") : 0;

	if (result == 0)
		result = session_begin(engine.loop, c, exec, message->fd, &session, &err);
	if (result == -1)
		reply(message->serial, &err);
	else
		reply_file(MESSAGE_EXEC_REPLY, message->serial, NULL, 0, session);
}

static void container_freeze(const struct message *message)
{
	const struct container_freeze_message *freeze = message->payload;
	struct container *c = container_find(freeze->id);
	struct error err = ERROR_INIT;
	int result = c == NULL ? error_set(&err, EBUSY, "the container does not run")
			       : lifecycle_freeze(c, freeze->frozen != 0, &err);

	reply_now(message->serial, result, &err);
}

static void container_cut(const struct message *message)
{
	const struct container_cut_message *cut = message->payload;
	const struct container *c = container_find(cut->id);
	struct error err = ERROR_INIT;
	int result = 0;

	if (cut->kept_count > CUT_KEPT_MAX)
		result = error_set(&err, EBADMSG, "more ports than a container's URLs lead to");
	else if (c != NULL) /* what does not run has no connections */
		result = flow_destroy(c->message.ipv4, c->message.ipv6, cut->kept, cut->kept_count, &err);
	reply_now(message->serial, result, &err);
}

static void image_sync(const struct message *message)
{
	struct error err = ERROR_INIT;
	int done = truth_image(message->payload, &err);

	if (done != 0)
		reply(message->serial, done == 1 ? NULL : &err);
}

static void container_sync(const struct message *message)
{
	struct error err = ERROR_INIT;
	int done = truth_container(message->payload, &err);

	if (done != 0)
		reply(message->serial, done == 1 ? NULL : &err);
}

static void api_says(struct channel *channel, struct message *message, void *data)
{
	(void)channel;
	(void)data;
	if (message->type == 0) {
		loop_stop(engine.loop, 1); /* told by message.c; a new engine begins afresh */
		return;
	}
	switch ((enum message_type)message->type) {
	case MESSAGE_HELLO:
		truth_begin();
		rules_begin();
		return;
	case MESSAGE_HOST_STATUS:
		inquiry_host(message);
		return;
	case MESSAGE_IMAGE_IMPORT:
		intake_import(engine.loop, message);
		return;
	case MESSAGE_IMAGE_DELETE:
		intake_delete(engine.loop, message);
		return;
	case MESSAGE_IMAGE_SYNC:
		image_sync(message);
		return;
	case MESSAGE_CONTAINER_START:
		container_start(message);
		return;
	case MESSAGE_CONTAINER_CHANGE:
		container_change(message);
		return;
	case MESSAGE_CONTAINER_STOP:
		container_stop(message);
		return;
	case MESSAGE_CONTAINER_REVOKE:
		container_revoke(message);
		return;
	case MESSAGE_CONTAINER_DELETE:
		container_delete(message);
		return;
	case MESSAGE_CONTAINER_SYNC:
		container_sync(message);
		return;
	case MESSAGE_EXEC:
		exec_begin(message);
		return;
	case MESSAGE_PULL_START:
		intake_pull(engine.loop, message);
		return;
	case MESSAGE_MERGING:
		inquiry_merging(engine.loop, message);
		return;
	case MESSAGE_USAGE:
		inquiry_usage(message);
		return;
	case MESSAGE_ADDRESS_SET:
		rules_take_set(message);
		return;
	case MESSAGE_RULES:
		rules_take(message);
		return;
	case MESSAGE_RULES_COUNT:
		rules_count(message);
		return;
	case MESSAGE_ACCESS:
		admin_take(message);
		return;
	case MESSAGE_COMPACT:
		upkeep_compact(engine.loop, message);
		return;
	case MESSAGE_COPY:
		upkeep_copy(engine.loop, message);
		return;
	case MESSAGE_EXPORT:
		upkeep_export(engine.loop, message);
		return;
	case MESSAGE_SNAPSHOT_SYNC:
		truth_snapshot(message->payload);
		return;
	case MESSAGE_CERTIFICATE:
		certificate_store(message);
		return;
	case MESSAGE_CERTIFICATE_SHOW:
		certificate_show(message);
		return;
	case MESSAGE_CONTAINER_CUT:
		container_cut(message);
		return;
	case MESSAGE_CONTAINER_FREEZE:
		container_freeze(message);
		return;
	case MESSAGE_CONTAINER_CONSOLE:
		inquiry_console(message);
		return;
	case MESSAGE_RESULT:
	case MESSAGE_HOST_STATUS_REPLY:
	case MESSAGE_CONTAINER_STATE:
	case MESSAGE_PULL:
	case MESSAGE_PULL_PROGRESS:
	case MESSAGE_ROUTE_SET:
	case MESSAGE_ROUTE_DELETE:
	case MESSAGE_ROUTE_SYNC:
	case MESSAGE_EXEC_REPLY:
	case MESSAGE_EXEC_GO:
	case MESSAGE_EXEC_END:
	case MESSAGE_IMAGE_CONTENT:
	case MESSAGE_USAGE_REPLY:
	case MESSAGE_RULES_COUNT_REPLY:
	case MESSAGE_CERTIFICATE_REPLY:
	case MESSAGE_AUDIT:
	case MESSAGE_IDENTITY_KEY:
	case MESSAGE_AUDIT_QUERY:
	case MESSAGE_AUDIT_REPLY:
	case MESSAGE_PERMISSIONS:
	case MESSAGE_PASSWORD_HASH:
	case MESSAGE_PASSWORD_HASH_REPLY:
	case MESSAGE_PASSWORD_VERIFY:
	case MESSAGE_CERTIFICATE_TRY:
	case MESSAGE_CERTIFICATE_USE:
	case MESSAGE_NAME_ASK:
	case MESSAGE_NAME_VERDICT:
	case MESSAGE_NAME_FOUND:
	case MESSAGE_MERGING_REPLY:
	case MESSAGE_UNPROFITABLE:
	case MESSAGE_COMPACT_REPLY:
	case MESSAGE_COPY_REPLY:
	case MESSAGE_EXPORT_REPLY:
	case MESSAGE_TYPE_COUNT:
		break;
	}
	log_error("api sent a frame of type %u, which is not for the engine", message->type);
	loop_stop(engine.loop, 1);
}

static void on_stop(int signo, void *data)
{
	(void)signo;
	(void)data;
	loop_stop(engine.loop, 0); /* containers go on */
}

/* The next engine makes it anew, and lets in who runs. */
static void firewall_gone(void)
{
	loop_stop(engine.loop, 1);
}

/* The host's own set-up, before any container: firewall first. */
static int host_prepare(struct error *err)
{
	struct error merge_err = ERROR_INIT, ignored = ERROR_INIT;
	uint32_t live;

	if (hostcfg_load(ENGINE_HOSTCFG, &engine.cfg, err) == -1 && err->code != ENOENT)
		log_error("%s; containers and firewall use defaults", err->message);
	*err = (struct error)ERROR_INIT;
	engine.firewall_lost = element_count(&live, &ignored) == -1;
	if (foreign_init(engine.loop, firewall_gone, err) == -1 || firewall_install(&engine.cfg, err) == -1 || admin_init(err) == -1 || netdev_init(err) == -1 || cgroup_init(err) == -1)
		return -1;
	if (merge_init(&merge_err) == -1)
		log_warning("memory is not merged: %s", merge_err.message);
	else if (governor_init(engine.loop, unprofitable_tell, err) == -1)
		return -1;
	return 0;
}

static int engine_run(struct error *err)
{
	struct hello_message hello = { .version = PROTOCOL_VERSION, .pid = (uint32_t)getpid() };

	engine.loop = loop_new(err);
	if (engine.loop == NULL)
		return -1;
	if (loop_add_signal(engine.loop, SIGTERM, on_stop, NULL, err) == NULL ||
	    loop_add_signal(engine.loop, SIGINT, on_stop, NULL, err) == NULL)
		return -1;
	if (host_prepare(err) == -1 || confine_enter(err) == -1)
		return -1;
	engine.api = channel_new(engine.loop, ROLE_FD_API, api_says, NULL, err);
	if (engine.api == NULL || naming_init(engine.loop, ROLE_FD_NAMES, err) == -1)
		return -1;
	reply_init(engine.api);
	truth_init(engine.loop, &engine.cfg, ENGINE_CONTAINERS, state_tell);
	if (lifecycle_init(engine.loop, &engine.cfg, reply, state_tell, err) == -1 ||
	    layer_init(engine.loop, err) == -1 || adopt_all(&engine.cfg, engine.firewall_lost, err) == -1)
		return -1;
	if (channel_send(engine.api, MESSAGE_HELLO, 0, &hello, sizeof hello, -1, err) == -1)
		return -1;
	return loop_run(engine.loop, err);
}

/* Two pidfds, a timer and a helper's socket for each container. */
static void files_raise(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		return;
	files.rlim_cur = 4 * CONTAINERS_MAX;
	if (files.rlim_max < files.rlim_cur)
		files.rlim_max = files.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &files) == -1)
		log_warning("cannot raise the limit of open files: %s", strerror(errno));
}

int engine_main(int argc, char **argv)
{
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	log_init("engine", LOG_LEVEL_INFO);
	umask(0022);
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGPIPE, SIG_IGN);
	files_raise();
	int code = engine_run(&err);
	if (code == -1) {
		log_error("%s", err.message);
		return 1;
	}
	channel_free(engine.api);
	loop_free(engine.loop);
	return code;
}
