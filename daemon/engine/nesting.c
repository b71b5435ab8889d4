/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/nesting.h"

#include <errno.h>
#include <stdbool.h>

#include "daemon/engine/container.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

#define SWITCH "/proc/sys/kernel/unprivileged_userns_clone"

void nesting_update(void)
{
	static int told = -1;
	struct error err = ERROR_INIT;
	bool wanted = false;

	for (const struct container *c = container_first(); c != NULL && !wanted; c = c->next)
		wanted = c->message.policy == POLICY_NESTING && !container_idle(c);
	if (told == (int)wanted)
		return;
	told = wanted;
	/* A kernel without the switch (a developer's) has nothing to tell. */
	if (file_poke(SWITCH, wanted ? "1" : "0", &err) == -1 && err.code != ENOENT)
		log_error("nesting: %s", err.message);
}
