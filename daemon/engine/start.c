/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lxc/lxccontainer.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/engine/cgroup.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/guest.h"
#include "daemon/engine/merge.h"
#include "daemon/engine/resident.h"
#include "daemon/engine/rootfs.h"
#include "daemon/engine/runtime.h"
#include "daemon/lib/clock.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/gateway.h"
#include "daemon/lib/log.h"
#include "daemon/lib/packet.h"
#include "daemon/lib/protocol.h"

static struct container_message message;

/* The host's resolver (daemon/names), which asks the host's own. */
static int resolver_write(struct error *err)
{
	static const char text[] = "nameserver " RESOLVER4 "\noptions edns0\n";
	char path[PATH_MAX];

	runtime_path(message.id, "resolv.conf", path);
	return file_write(path, text, strlen(text), 0644, err);
}

/* A monitor is not our child any more: its parent is init, its child the container's init. */
static int started_find(pid_t init, int64_t since, struct runtime_state *state, int pidfds[2], struct error *err)
{
	pid_t monitor = runtime_parent(init);

	*state = (struct runtime_state){ .version = RUNTIME_VERSION, .init = init, .monitor = monitor };
	pidfds[0] = monitor > 1 ? (int)syscall(SYS_pidfd_open, monitor, 0) : -1;
	pidfds[1] = (int)syscall(SYS_pidfd_open, init, 0);
	state->monitor_born = runtime_born(monitor);
	state->init_born = runtime_born(init);
	/* Seen alive after the descriptors were opened, and still parent and child: the right two. */
	if (pidfds[0] == -1 || pidfds[1] == -1 || state->init_born == 0 || runtime_parent(init) != monitor)
		return error_set(err, ESRCH, "the container ended at once; its console says why");
	state->start_ms = (uint32_t)(clock_ms() - since);
	return 0;
}

static int result_send(const struct start_result *result, const int *pidfds)
{
	const struct iovec part = { .iov_base = (void *)(uintptr_t)result, .iov_len = sizeof *result };

	return packet_send(START_FD_RESULT, &part, 1, pidfds, pidfds == NULL ? 0 : 2, 0);
}

static int container_up(struct start_result *result, int pidfds[2], struct error *err)
{
	char group[CGROUP_TEXT], root[PATH_MAX];
	static struct account account; /* large */
	int64_t since = clock_ms();
	struct runtime_state state;
	pid_t init = -1;

	if (fd_read_full(START_FD_MESSAGE, &message, sizeof message) != (ssize_t)sizeof message)
		return error_set(err, EBADMSG, "the start helper got no container");
	close(START_FD_MESSAGE);

	/* In a group of its own before anything forks: cgroup.kill then reaches all of it. */
	cgroup_monitor(message.id, group);
	strncat(group, "/start", sizeof group - strlen(group) - 1);
	if (cgroup_join(group, err) == -1 || cgroup_realm(message.realm, err) == -1)
		return -1;
	/* What the host unmounts goes here too, what is mounted here stays here. */
	if (unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == -1)
		return error_errno(err, "cannot make a mount namespace");
	runtime_path(message.id, "rootfs", root);
	if (rootfs_mount(&message, err) == -1 || resolver_write(err) == -1)
		return -1;
	if ((message.user[0] != '\0' || message.folder[0] != '\0') && resident_find(root, &message, &account, err) == -1)
		return -1;
	if (message.merge != 0 && merge_enable(err) == -1)
		return -1;

	struct lxc_container *guest = guest_new(&message, &account, err);
	if (guest == NULL)
		return -1;
	int failed = guest_start(guest, &message, &init, err);
	lxc_container_put(guest);
	if (failed == -1 || started_find(init, since, &state, pidfds, err) == -1)
		return -1;
	if (runtime_write(message.id, &state, err) == -1)
		return -1;
	result->monitor = state.monitor;
	result->init = state.init;
	result->start_ms = state.start_ms;
	return 0;
}

int start_main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct start_result result = { 0 };
	int pidfds[2] = { -1, -1 };

	(void)argc;
	(void)argv;
	log_init("start", LOG_LEVEL_INFO);
	/* liblxc makes files and folders of its own; none is for others. Modes of ours are set in full. */
	umask(0022);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* half a container must not outlive the engine that asked for it */
	if (fcntl(START_FD_RESULT, F_SETFD, FD_CLOEXEC) == -1)
		return 1; /* not started by the engine */
	/* The host's daemons are spared when memory runs out; a container is not, and as root's word this is its lower bound. */
	int failed = file_poke("/proc/self/oom_score_adj", "0", &err);
	if (failed == 0)
		failed = container_up(&result, pidfds, &err);
	if (failed == -1) {
		result.code = (uint32_t)err.code;
		memcpy(result.message, err.message, sizeof result.message);
	}
	if (result_send(&result, failed == -1 ? NULL : pidfds) == -1)
		return 1;
	return failed == -1;
}
