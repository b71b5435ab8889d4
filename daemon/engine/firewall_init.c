/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall-init: run once at boot, before anything listens. The table stands, and who may
 * reach SSH is as it was set, before the first packet from outside finds a service; the
 * engine brings both up to date when it starts.
 */
#include <errno.h>

#include "daemon/engine/admin.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/firewall.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/log.h"

int firewall_init_main(int argc, char **argv)
{
	static struct hostcfg cfg;
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	if (hostcfg_load(ENGINE_HOSTCFG, &cfg, &err) == -1 && err.code != ENOENT)
		log_error("%s; the firewall uses defaults", err.message);
	if (firewall_install(&cfg, &err) == 0 && admin_init(&err) == 0)
		return 0;
	log_error("%s; the engine tries again", err.message);
	return 1;
}
