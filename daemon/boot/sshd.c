/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sshd: the door to dropbear (daemon/door) for the admin: keys only, no forwarding. Root's login shell is
 * admin_main(), which runs nothing but its own commands; -c makes that hold even
 * for a client that asks for a subsystem.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/boot/boot.h"
#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"
#include "daemon/lib/log.h"

int sshd_main(int argc, char **argv)
{
	static struct hostcfg cfg;
	struct error err = ERROR_INIT;
	char port[8];

	(void)argc;
	(void)argv;
	(void)hostcfg_load(BOOT_CONFIG, &cfg, &err); /* prepare has told what is wrong with it */
	snprintf(port, sizeof port, "%u", cfg.admin_port);
	const char *const door[] = {
		"/usr/sbin/bulkhead-door", port, "/usr/sbin/dropbear", "-i", "-E", "-s", "-j", "-k", "-m", "-T", "3", "-K", "60",
		"-r", BOOT_HOST_KEY, "-D", BOOT_ADMIN_FOLDER, "-c", "admin", NULL,
	};
	execv(door[0], (char *const *)(uintptr_t)door);
	log_error("cannot run %s: %s", door[0], strerror(errno));
	sleep(5); /* init starts us again at once */
	return 1;
}
