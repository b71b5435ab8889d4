/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/adopt.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/address.h"
#include "daemon/engine/container.h"
#include "daemon/engine/element.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/lifecycle.h"
#include "daemon/engine/nesting.h"
#include "daemon/engine/runtime.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

static void firewall_open(const struct container_message *message)
{
	char host[LINK_TEXT], peer[LINK_TEXT];
	struct error err = ERROR_INIT;

	address_links(message->id, host, peer);
	if (element_add(host, message->ipv4, message->ipv6, &err) == -1)
		log_error("container %s is cut off: %s", message->id, err.message);
}

static void adopt_one(const char *id, const struct hostcfg *cfg, bool lost)
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
		if (found == 0 && lost)
			firewall_open(&c->message);
		lifecycle_found(c, monitor, init, &state);
		return;
	}
	/* No message: it was stopped in good order, its logs are what is left. */
	fd_cleanup(&monitor);
	fd_cleanup(&init);
	if (bad.code != 0)
		log_error("container %s: its run-time state is not usable: %s", id, bad.message);
}

int adopt_all(const struct hostcfg *cfg, bool lost, struct error *err)
{
	DIR *dir = opendir(ENGINE_RUN);

	if (dir == NULL)
		return error_errno(err, "cannot read " ENGINE_RUN);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (id_valid(entry->d_name))
			adopt_one(entry->d_name, cfg, lost);
	closedir(dir);
	nesting_begin();
	return 0;
}
