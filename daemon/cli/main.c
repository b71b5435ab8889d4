/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bulkhead: the operator's command, one static binary: puts the system on a
 * disk, unlocks a host, and speaks to its API.
 */
#include "daemon/cli/cli.h"
#include "daemon/lib/json.h"
#include "daemon/lib/log.h"

int main(int argc, char **argv)
{
	log_init("bulkhead", LOG_LEVEL_INFO);
	json_wipe(); /* the password of a registry is in one */
	return cli_run(argc, argv);
}
