/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/lifecycle.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/cgroup.h"
#include "daemon/engine/container.h"
#include "daemon/engine/copies.h"
#include "daemon/engine/disposal.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/helper.h"
#include "daemon/engine/init.h"
#include "daemon/engine/layer.h"
#include "daemon/engine/nesting.h"
#include "daemon/engine/remains.h"
#include "daemon/engine/runtime.h"
#include "daemon/engine/session.h"
#include "daemon/engine/start.h"
#include "daemon/engine/tree.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/log.h"
#include "daemon/lib/loop.h"

enum {
	HELPERS_MAX = 4,     /* starts under way at a time; the rest wait in line */
	HELPER_MS = 60000,   /* a start that takes longer has failed */
	END_LOOK_MS = 5,     /* between two looks at whether all processes are gone */
	END_TRIES = 2000,    /* then it is told, and the looks become rare */
	END_SLOW_MS = 1000,
	END_SESSION_TRIES = 200, /* a command's zombie, whose parent does not reap it, holds the container's end up */
};

static struct {
	struct loop *loop;
	const struct hostcfg *cfg;
	lifecycle_answer_cb *answer;
	lifecycle_state_cb *state;
	unsigned helpers;
} self;

static void queue_run(void);
static void end_look(void *data);

static void complain(const struct error *err)
{
	log_error("%s", err->message);
}

static void fds_close(struct container *c)
{
	loop_remove(c->monitor);
	loop_remove(c->helper);
	loop_remove(c->timer);
	c->monitor = c->helper = c->timer = NULL;
	fd_cleanup(&c->monitor_fd);
	fd_cleanup(&c->init_fd);
	fd_cleanup(&c->result_fd);
}

static void timer_start(struct container *c, int64_t ms, loop_timer_cb *cb)
{
	struct error err = ERROR_INIT;

	loop_remove(c->timer);
	c->timer = loop_add_timer(self.loop, ms, cb, c, &err);
	if (c->timer == NULL)
		complain(&err);
}

static void cleaned(pid_t pid, int status, void *data)
{
	struct container *c = data;
	struct error err = ERROR_INIT;

	(void)pid;
	(void)status; /* it has told what it could not do */
	c->cleaner = NULL;
	/* A start helper that has made the slice and not yet its group must find it. */
	if (!container_realm_busy(c->message.realm))
		cgroup_realm_leave(c->message.realm);
	bool again = c->again;
	c->again = false;
	if (c->forget)
		disposal_asked(self.loop, c, self.answer);
	else if (again && lifecycle_start(c, 0, &err) == -1)
		complain(&err);
	queue_run();
}

/* All processes are gone. The answer goes first, then the slow cleaning. */
static void ended(struct container *c)
{
	struct error err = ERROR_INIT;

	c->exit_status = init_exit_status(c->init_fd, c->killed);
	fds_close(c);
	remains_network_close(c);
	remains_flows_forget(c);
	c->state = c->failure[0] != '\0' ? CONTAINER_STATE_FAILED : CONTAINER_STATE_STOPPED;
	c->init = 0;
	c->frozen = false;
	self.state(c, c->failure);
	if (c->start_waiters != NULL) {
		error_set(&err, c->failure[0] != '\0' ? EIO : ECANCELED, "%s",
			  c->failure[0] != '\0' ? c->failure : "the container was stopped while it started");
		waiters_answer(&c->start_waiters, self.answer, &err);
	}
	waiters_answer(&c->end_waiters, self.answer, NULL);
	nesting_update();
	if (c->cleaner != NULL)
		return; /* stopped again before it was clean, and had not been started */
	c->cleaner = remains_clean(self.loop, c, cleaned, c);
	if (c->cleaner == NULL)
		cleaned(0, 0, c);
}

static void end_look(void *data)
{
	struct container *c = data;
	struct error err = ERROR_INIT;

	if (!remains_alive(c)) {
		ended(c);
		return;
	}
	if (++c->tries == END_SESSION_TRIES)
		session_kill(c->message.id);
	if (c->tries < END_TRIES) {
		timer_start(c, END_LOOK_MS, end_look);
		return;
	}
	/* Whoever waits is told so, and the look goes on: what lives is never called ended. */
	error_set(&err, ETIMEDOUT, "container %s: processes do not end though killed; the kernel holds them",
		  c->message.id);
	if (c->tries == END_TRIES)
		complain(&err);
	waiters_answer(&c->start_waiters, self.answer, &err);
	waiters_answer(&c->end_waiters, self.answer, &err);
	timer_start(c, END_SLOW_MS, end_look);
}

/* Kills what is left and waits until it is gone. */
static void end_begin(struct container *c)
{
	bool killed = c->killed;

	c->state = CONTAINER_STATE_STOPPING;
	c->tries = 0;
	remains_kill(c);
	c->killed = killed; /* its init was gone before this */
	end_look(c);
}

static void monitor_ended(int fd, uint32_t events, void *data)
{
	struct container *c = data;

	(void)fd;
	(void)events;
	loop_remove(c->monitor);
	c->monitor = NULL;
	remains_network_close(c);
	end_begin(c);
}

static int monitor_watch(struct container *c, struct error *err)
{
	c->monitor = loop_add_fd(self.loop, c->monitor_fd, EPOLLIN, monitor_ended, c, err);
	return c->monitor == NULL ? -1 : 0;
}

static void helper_ended(pid_t pid, int status, void *data)
{
	struct container *c = data;
	struct start_result result = { 0 };
	struct error err = ERROR_INIT;
	int pidfds[2];

	(void)pid;
	c->helper = NULL;
	self.helpers--;
	loop_remove(c->timer);
	c->timer = NULL;
	if (helper_result(c->result_fd, &result, pidfds) == -1) {
		result.code = EIO;
		snprintf(result.message, sizeof result.message, "the start helper was killed or crashed (status %d)",
			 status);
	}
	fd_cleanup(&c->result_fd);
	c->monitor_fd = pidfds[0];
	c->init_fd = pidfds[1];
	if (c->state == CONTAINER_STATE_STOPPING) { /* stopped or revoked meanwhile */
		end_begin(c);
		return;
	}
	if (result.code == 0 && (c->monitor_fd == -1 || monitor_watch(c, &err) == -1)) {
		result.code = EIO;
		snprintf(result.message, sizeof result.message, "cannot watch the container: %.200s", err.message);
	}
	if (result.code != 0) {
		snprintf(c->failure, sizeof c->failure, "%s", result.message);
		remains_network_close(c);
		end_begin(c);
		return;
	}
	c->start_ms = result.start_ms;
	c->init = result.init;
	c->state = CONTAINER_STATE_RUNNING;
	self.state(c, "");
	waiters_answer(&c->start_waiters, self.answer, NULL);
	queue_run();
}

static void helper_late(void *data)
{
	struct container *c = data;

	log_error("container %s: not started after %d s; it is stopped", c->message.id, HELPER_MS / 1000);
	remains_network_close(c);
	remains_kill(c); /* the helper's end follows and tells */
}

static int helper_begin(struct container *c, struct error *err)
{
	nesting_update();
	pid_t pid = helper_fork(c, &c->result_fd, err);
	if (pid == -1)
		return -1;
	c->helper = loop_add_child(self.loop, pid, helper_ended, c, err);
	if (c->helper == NULL) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return -1;
	}
	self.helpers++;
	timer_start(c, HELPER_MS, helper_late);
	return 0;
}

static void queue_run(void)
{
	static bool busy;

	if (busy)
		return; /* called by an end below: the walk sees what that changed */
	busy = true;
	for (struct container *c = container_first(), *next; c != NULL && self.helpers < HELPERS_MAX; c = next) {
		struct error err = ERROR_INIT;
		next = c->next; /* the failure of one may take it out of the table */
		if (!c->queued || c->cleaner != NULL)
			continue;
		c->queued = false;
		if (helper_begin(c, &err) == -1) {
			snprintf(c->failure, sizeof c->failure, "%s", err.message);
			remains_network_close(c);
			end_begin(c);
		}
	}
	busy = false;
}

int lifecycle_start(struct container *c, uint64_t serial, struct error *err)
{
	switch (c->state) {
	case CONTAINER_STATE_FROZEN: /* told, never held: RUNNING and c->frozen */
	case CONTAINER_STATE_RUNNING:
		self.answer(serial, NULL);
		return 0;
	case CONTAINER_STATE_STARTING:
		return waiter_add(&c->start_waiters, serial, err);
	case CONTAINER_STATE_STOPPING:
		return error_set(err, EBUSY, "the container is being stopped; start it when that is done");
	case CONTAINER_STATE_STOPPED:
	case CONTAINER_STATE_FAILED:
		break;
	}
	if (c->revoked || c->forget)
		return error_set(err, EPERM, "the container was revoked");
	for (uint32_t i = 0; i < c->message.layer_count; i++)
		if (!layer_exists(c->message.layers[i]))
			return error_field(err, "layers", "image layer %s is not on this host", c->message.layers[i]);
	if (waiter_add(&c->start_waiters, serial, err) == -1)
		return -1;
	c->state = CONTAINER_STATE_STARTING;
	c->exit_status = 0;
	c->killed = false;
	c->failure[0] = '\0';
	c->trial = (struct governor_trial){ 0 };
	c->queued = true;
	self.state(c, "");
	queue_run();
	return 0;
}

static int freeze(struct container *c, bool frozen, struct error *err)
{
	char group[CGROUP_TEXT];

	cgroup_container(c->message.realm, c->message.id, group);
	if (cgroup_freeze(group, frozen, err) == -1)
		return -1;
	c->frozen = frozen;
	return 0;
}

int lifecycle_freeze(struct container *c, bool frozen, struct error *err)
{
	if (c->state != CONTAINER_STATE_RUNNING)
		return error_set(err, EBUSY, "the container does not run");
	if (c->held > 0)
		return error_set(err, EBUSY, "the container is being copied; ask again when that is done");
	if (freeze(c, frozen, err) == -1)
		return -1;
	self.state(c, "");
	return 0;
}

static void stop_late(void *data)
{
	struct container *c = data;

	log_info("container %s did not end in time; it is killed", c->message.id);
	loop_remove(c->timer);
	c->timer = NULL;
	remains_kill(c);
}

int lifecycle_stop(struct container *c, uint32_t timeout_ms, uint64_t serial, struct error *err)
{
	switch (c->state) {
	case CONTAINER_STATE_STOPPED:
	case CONTAINER_STATE_FAILED:
		c->again = false;
		self.answer(serial, NULL);
		return 0;
	case CONTAINER_STATE_STOPPING:
		if (waiter_add(&c->end_waiters, serial, err) == -1)
			return -1;
		c->again = false;
		if (timeout_ms == 0)
			remains_kill(c);
		return 0;
	case CONTAINER_STATE_STARTING:
	case CONTAINER_STATE_FROZEN:
	case CONTAINER_STATE_RUNNING:
		break;
	}
	if (waiter_add(&c->end_waiters, serial, err) == -1)
		return -1;
	c->again = false;
	c->failure[0] = '\0';
	if (c->queued) {
		c->queued = false;
		ended(c);
		return 0;
	}
	bool starting = c->state == CONTAINER_STATE_STARTING;
	c->state = CONTAINER_STATE_STOPPING;
	self.state(c, "");
	int halt = timeout_ms == 0 || starting ? 0 :
						 init_halt_signal(c->init, c->message.command_size == 0, (int)c->message.stop_signal);
	if (halt == 0) {
		remains_network_close(c);
		remains_kill(c); /* the end of monitor or helper follows and tells */
		return 0;
	}
	/* Held processes would wait for their death in vain. */
	if (c->frozen && freeze(c, false, err) == -1)
		complain(err);
	if (syscall(SYS_pidfd_send_signal, c->init_fd, halt, NULL, 0) == -1 && errno != ESRCH)
		log_warning("container %s: cannot signal its init: %s", c->message.id, strerror(errno));
	timer_start(c, timeout_ms, stop_late);
	return 0;
}

int lifecycle_revoke(struct container *c, uint64_t serial, struct error *err)
{
	c->revoked = true;
	remains_network_close(c);
	return lifecycle_stop(c, 0, serial, err);
}

int lifecycle_delete(const char *id, uint64_t serial, struct error *err)
{
	struct container *c = container_find(id);

	if (c != NULL && !container_idle(c))
		return error_set(err, EBUSY, "the container is not stopped");
	if (c != NULL && c->cleaner != NULL) {
		if (waiter_add(&c->delete_waiters, serial, err) == -1)
			return -1;
		c->forget = true;
		return 0;
	}
	if (copies_touch(id)) {
		copies_cancel(id);
		return error_set(err, EBUSY, "a copy of it was under way and is being ended; ask again");
	}
	char text[ID_TEXT];
	memcpy(text, id, sizeof text); /* id may be the table's own */
	if (c != NULL)
		container_forget(c);
	return disposal_begin(self.loop, text, serial, self.answer, err);
}

void lifecycle_found(struct container *c, int monitor, int init, const struct runtime_state *state)
{
	struct error err = ERROR_INIT;

	c->monitor_fd = monitor;
	c->init_fd = init;
	c->init = state->init;
	c->start_ms = state->start_ms;
	if (monitor != -1 && monitor_watch(c, &err) == 0) {
		char group[CGROUP_TEXT];
		cgroup_container(c->message.realm, c->message.id, group);
		copies_release(c);
		c->frozen = cgroup_frozen(group);
		c->state = CONTAINER_STATE_RUNNING;
		return;
	}
	remains_network_close(c);
	end_begin(c);
}

int lifecycle_init(struct loop *loop, const struct hostcfg *cfg, lifecycle_answer_cb *answer,
		   lifecycle_state_cb *state, struct error *err)
{
	self.loop = loop;
	self.cfg = cfg;
	self.answer = answer;
	self.state = state;
	if (folder_make(ENGINE_CONTAINERS, 0700, err) == -1 || runtime_init(err) == -1)
		return -1;
	if (tree_sweep(loop, ENGINE_CONTAINERS, err) == -1)
		complain(err); /* what is left takes room, and nothing else */
	return 0;
}
