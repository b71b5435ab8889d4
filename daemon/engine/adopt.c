/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/adopt.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/container.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/lifecycle.h"
#include "daemon/engine/runtime.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

static void adopt_one(const char *id, const struct hostcfg *cfg)
{
	struct container_message *message = calloc(1, sizeof *message);
	struct runtime_state state = { 0 };
	struct error err = ERROR_INIT, bad = ERROR_INIT;
	int monitor = -1, init = -1;

	if (message == NULL)
		return;
	int found = runtime_read(id, message, &state, &monitor, &init, &err);
	struct container *c = strcmp(message->id, id) == 0 ? container_add(message, cfg, &bad) : NULL;
	free(message);
	if (c != NULL) {
		if (found == 0)
			log_info("container %s runs; taken over", id);
		else
			log_info("container %s ended, or had not started, while no engine was here: %s", id, err.message);
		lifecycle_found(c, monitor, init, &state);
		return;
	}
	/* No message: it was stopped in good order, its logs are what is left. */
	fd_cleanup(&monitor);
	fd_cleanup(&init);
	if (bad.code != 0)
		log_error("container %s: its run-time state is not usable: %s", id, bad.message);
}

int adopt_all(const struct hostcfg *cfg, struct error *err)
{
	DIR *dir = opendir(ENGINE_RUN);

	if (dir == NULL)
		return error_errno(err, "cannot read " ENGINE_RUN);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (id_valid(entry->d_name))
			adopt_one(entry->d_name, cfg);
	closedir(dir);
	return 0;
}
