/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/boot/boot.h"
#include "daemon/lib/log.h"

static const struct part {
	const char *name;
	int (*main)(int argc, char **argv);
} parts[] = {
	{ "prepare", prepare_main }, { "sshd", sshd_main }, { "console", console_main },
	{ "button", button_main }, { "close", close_main },
};

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash != NULL ? slash + 1 : argv[0];

	umask(022);
	/* dropbear runs a login shell as "-bulkhead-shell" or with its full path. */
	if (strcmp(name, "bulkhead-shell") == 0 || strcmp(name, "-bulkhead-shell") == 0) {
		log_init("bulkhead", LOG_LEVEL_INFO);
		return admin_main(argc, argv);
	}
	for (size_t i = 0; argc > 1 && i < sizeof parts / sizeof *parts; i++) {
		if (strcmp(argv[1], parts[i].name) == 0) {
			log_init(parts[i].name, LOG_LEVEL_INFO);
			return parts[i].main(argc - 1, argv + 1);
		}
	}
	fputs("usage: bulkhead-boot prepare|sshd|console|button|close   (run by init, see /etc/inittab)\n", stderr);
	return 2;
}
