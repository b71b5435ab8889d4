/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/nesting.h"

#include <errno.h>
#include <stdbool.h>

#include "daemon/engine/container.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

#define SWITCH "/proc/sys/kernel/unprivileged_userns_clone"

static struct {
	bool all_known;
	int told;
} self = { .told = -1 };

void nesting_update(void)
{
	struct error err = ERROR_INIT;
	bool wanted = false;

	if (!self.all_known)
		return;
	for (const struct container *c = container_first(); c != NULL && !wanted; c = c->next)
		wanted = c->message.policy == POLICY_NESTING && !container_idle(c);
	if (self.told == (int)wanted)
		return;
	self.told = wanted;
	/* A kernel without the switch (a developer's) has nothing to tell. */
	if (file_poke(SWITCH, wanted ? "1" : "0", &err) == -1 && err.code != ENOENT)
		log_error("nesting: %s", err.message);
}

void nesting_begin(void)
{
	self.all_known = true;
	nesting_update();
}
