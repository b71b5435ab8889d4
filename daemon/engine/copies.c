/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/copies.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/engine/cgroup.h"
#include "daemon/engine/chore.h"
#include "daemon/engine/container.h"
#include "daemon/engine/copy.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/quota.h"
#include "daemon/engine/runtime.h"
#include "daemon/engine/tree.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"
#include "daemon/lib/protocol.h"

enum { HOLD_MS = 10000, LOOK_US = 5000 };

struct outcome {
	struct clone_sum sum;
	struct error err;
};

struct copying {
	struct copying *next;
	struct loop *loop;
	struct copy_message message;
	pid_t pid;
	bool held; /* its source */
	copies_cb *cb;
	void *data;
};

static struct copying *all;

static bool touches(const struct copying *copying, const char *id)
{
	return strcmp(copying->message.from, id) == 0 || strcmp(copying->message.to, id) == 0;
}

bool copies_touch(const char *id)
{
	for (const struct copying *copying = all; copying != NULL; copying = copying->next)
		if (touches(copying, id))
			return true;
	return false;
}

void copies_cancel(const char *id)
{
	for (const struct copying *copying = all; copying != NULL; copying = copying->next)
		if (touches(copying, id))
			kill(copying->pid, SIGKILL);
}

static int group_freeze(const struct container *c, bool frozen, struct error *err)
{
	char group[CGROUP_TEXT];

	cgroup_container(c->message.realm, c->message.id, group);
	return cgroup_freeze(group, frozen, err);
}

/* The mark first, gone last. */
static int hold(struct container *c, struct error *err)
{
	char path[PATH_MAX];

	if (c->held++ > 0)
		return 0;
	runtime_path(c->message.id, "held", path);
	if (file_write(path, "", 0, 0600, err) == 0 && group_freeze(c, true, err) == 0)
		return 0;
	c->held--;
	return -1;
}

void copies_release(struct container *c)
{
	struct error err = ERROR_INIT;
	char path[PATH_MAX];

	runtime_path(c->message.id, "held", path);
	if (access(path, F_OK) == -1)
		return;
	if (!c->frozen && group_freeze(c, false, &err) == -1)
		log_error("container %s is held and cannot go on: %s", c->message.id, err.message);
	(void)unlink(path);
}

static void let_go(const char *id)
{
	struct container *c = container_find(id);

	if (c != NULL && c->held > 0 && --c->held == 0)
		copies_release(c);
}

/* In the child: the kernel holds each process as it leaves what it does. */
static int held_wait(const struct container *c, struct error *err)
{
	char group[CGROUP_TEXT];
	int64_t end = clock_ms() + HOLD_MS;

	cgroup_container(c->message.realm, c->message.id, group);
	while (!cgroup_held(group)) {
		if (clock_ms() > end)
			return error_set(err, ETIMEDOUT, "the container's processes cannot be held: one of them waits in the kernel");
		usleep(LOOK_US);
	}
	return 0;
}

static void copy(void *result_of, void *data)
{
	const struct copying *copying = data;
	const struct copy_message *message = &copying->message;
	struct outcome *outcome = result_of;
	struct copy_request request = {
		.containers = ENGINE_CONTAINERS, .content = ENGINE_CONTENT, .from_base = message->from_base,
		.to_base = message->to_base, .project = message->snapshot != 0 ? 0 : message->to_base,
		/* What it replaces counts until it is gone; the next start sets the limit again. */
		.disk_max = message->replace != 0 ? 0 : message->disk_max, .replace = message->replace != 0,
	};

	memcpy(request.from, message->from, sizeof request.from);
	memcpy(request.to, message->to, sizeof request.to);
	if (copying->held && held_wait(container_find(message->from), &outcome->err) == -1)
		return;
	(void)copy_run(&request, &outcome->sum, &outcome->err);
}

static void limit_again(const struct copy_message *message)
{
	struct error err = ERROR_INIT;
	char path[PATH_MAX];

	snprintf(path, sizeof path, ENGINE_CONTAINERS "/%s", message->to);
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1 && quota_set(fd, message->to_base, message->disk_max, &err) == -1)
		log_warning("container %s: %s", message->to, err.message);
}

static void ended(const void *result_of, int status, void *data)
{
	struct copying *copying = data;
	struct outcome outcome = { .err = ERROR_INIT };
	struct error swept = ERROR_INIT;
	char stage[sizeof COPY_STAGE + ID_TEXT];

	struct copying **link = &all;
	while (*link != copying)
		link = &(*link)->next;
	*link = copying->next;
	if (copying->held)
		let_go(copying->message.from);
	if (result_of != NULL)
		memcpy(&outcome, result_of, sizeof outcome);
	else
		error_set(&outcome.err, ECANCELED, "the copy was ended (status %d); nothing was changed", status);
	snprintf(stage, sizeof stage, COPY_STAGE "%.24s", copying->message.to);
	if (tree_remove(copying->loop, ENGINE_CONTAINERS, stage, NULL, NULL, &swept) == -1)
		log_error("%s", swept.message); /* swept at the next start */
	if (copying->message.replace != 0)
		limit_again(&copying->message);
	copying->cb(&copying->message, outcome.sum.entries, outcome.sum.bytes, outcome.err.code == 0 ? NULL : &outcome.err,
		    copying->data);
	free(copying);
}

static int message_check(const struct copy_message *message, struct error *err)
{
	const struct container *from = container_find(message->from), *to = container_find(message->to);

	if (!id_valid(message->from) || !id_valid(message->to) || strcmp(message->from, message->to) == 0)
		return error_field(err, "id", "a copy is from one id to another");
	if (address_check_ids(message->from_base, err) == -1 || address_check_ids(message->to_base, err) == -1 ||
	    (from != NULL && from->message.id_base != message->from_base) ||
	    (to != NULL && to->message.id_base != message->to_base))
		return error_field(err, "id_base", "a copy has ids that are not its containers'");
	if (from != NULL && !container_idle(from) && from->state != CONTAINER_STATE_RUNNING)
		return error_set(err, EBUSY, "the container is being started or stopped; ask again when that is done");
	if (to != NULL && (message->replace == 0 || !container_idle(to)))
		return error_set(err, EBUSY, "the container is not stopped");
	if (copies_touch(message->to))
		return error_set(err, EBUSY, "another copy of it is under way");
	return 0;
}

static int room_check(struct error *err)
{
	struct statvfs fs;
	unsigned count = 0;

	for (const struct copying *copying = all; copying != NULL; copying = copying->next)
		count++;
	if (count >= COPIES_MAX)
		return error_set(err, EAGAIN, "%d copies are under way, which is the limit; try again soon", COPIES_MAX);
	if (statvfs(ENGINE_CONTAINERS, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < (uint64_t)COPIES_SPACE_MIN_MB << 20)
		return error_set(err, ENOSPC, "the data disk has less than %d MiB free; nothing is copied", COPIES_SPACE_MIN_MB);
	return 0;
}

int copies_begin(struct loop *loop, const struct copy_message *message, copies_cb *cb, void *data, struct error *err)
{
	struct container *source = container_find(message->from);

	if (message_check(message, err) == -1 || room_check(err) == -1)
		return -1;
	struct copying *copying = malloc(sizeof *copying);
	if (copying == NULL)
		return error_set(err, ENOMEM, "no memory for a copy");
	*copying = (struct copying){
		.loop = loop, .message = *message, .held = source != NULL && !container_idle(source) && !source->frozen,
		.cb = cb, .data = data,
	};
	if (copying->held && hold(source, err) == -1) {
		free(copying);
		return -1;
	}
	if (chore_begin(loop, copy, ended, sizeof(struct outcome), copying, &copying->pid, err) == -1) {
		if (copying->held)
			let_go(message->from);
		free(copying);
		return -1;
	}
	copying->next = all;
	all = copying;
	return 0;
}
