/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/remains.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/address.h"
#include "daemon/engine/cgroup.h"
#include "daemon/engine/container.h"
#include "daemon/engine/element.h"
#include "daemon/engine/flow.h"
#include "daemon/engine/netdev.h"
#include "daemon/engine/runtime.h"
#include "daemon/lib/error.h"
#include "daemon/lib/log.h"

/* Its own group and that of its monitor. */
enum { GROUPS = 2 };

static void groups_name(const struct container *c, char groups[GROUPS][CGROUP_TEXT])
{
	cgroup_container(c->message.realm, c->message.id, groups[0]);
	cgroup_monitor(c->message.id, groups[1]);
}

/* Says what one step could not do. */
static void complain(int result, const struct error *err)
{
	if (result == -1)
		log_error("%s", err->message);
}

void remains_network_close(const struct container *c)
{
	char host[LINK_TEXT], peer[LINK_TEXT];
	struct error err = ERROR_INIT;

	address_links(c->message.id, host, peer);
	complain(element_remove(host, c->message.ipv4, c->message.ipv6, &err), &err);
	complain(flow_destroy(c->message.ipv4, c->message.ipv6, NULL, 0, &err), &err);
}

void remains_flows_forget(const struct container *c)
{
	struct error err = ERROR_INIT;

	complain(flow_forget(c->message.ipv4, c->message.ipv6, &err), &err);
}

void remains_kill(struct container *c)
{
	char groups[GROUPS][CGROUP_TEXT];
	struct error err = ERROR_INIT;

	c->killed = true;
	groups_name(c, groups);
	for (int i = 0; i < GROUPS; i++)
		complain(cgroup_kill(groups[i], &err), &err);
}

bool remains_alive(const struct container *c)
{
	char groups[GROUPS][CGROUP_TEXT];

	groups_name(c, groups);
	return cgroup_populated(groups[0]) || cgroup_populated(groups[1]);
}

int remains_groups_remove(const struct container *c, struct error *err)
{
	char groups[GROUPS][CGROUP_TEXT];

	groups_name(c, groups);
	for (int i = 0; i < GROUPS; i++)
		if (cgroup_remove(groups[i], err) == -1)
			return -1;
	return 0;
}

static void clean(const struct container *c)
{
	char host[LINK_TEXT], peer[LINK_TEXT];
	struct error err = ERROR_INIT;

	address_links(c->message.id, host, peer);
	complain(netdev_delete(host, &err), &err);
	complain(remains_groups_remove(c, &err), &err);
	runtime_remove(c->message.id, true); /* last: while it is there, a new engine does it all again */
}

struct loop_source *remains_clean(struct loop *loop, const struct container *c, loop_child_cb *cb, void *data)
{
	struct error err = ERROR_INIT;
	pid_t pid = fork();

	if (pid == 0) {
		/* A new engine must not find it at work on a link that has been made again. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		clean(c);
		_exit(0);
	}
	struct loop_source *child = pid == -1 ? NULL : loop_add_child(loop, pid, cb, data, &err);
	if (child == NULL) {
		if (pid != -1) {
			kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
		}
		clean(c);
	}
	return child;
}
