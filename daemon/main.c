/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bulkheadd: one binary, several processes. Without an argument it is the
 * supervisor, which runs itself again for each role.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/lib/log.h"
#include "daemon/roles.h"

static const struct role {
	const char *name; /* argv[1] */
	const char *log;  /* name in front of log lines */
	role_main *main;
} roles[] = {
	{ "engine", "engine", engine_main },
	{ "api", "api", api_main },
	{ "gate", "gate", gate_main },
	{ "passwords", "passwords", passwords_main },
	{ "names", "names", names_main },
	{ "audit", "audit", audit_main },
	{ "records", "records", records_main },
	{ "start", "start", start_main },
	{ "exec", "exec", exec_main },
	{ "pull", "pull", pull_main },
	{ "firewall-init", "firewall-init", firewall_init_main },
	{ "tls-init", "tls-init", tls_init_main },
	{ "shutdown", "shutdown", shutdown_main },
};

int main(int argc, char **argv)
{
	umask(022);
	if (argc <= 1) {
		log_init("supervisor", LOG_LEVEL_INFO);
		return supervisor_main(argc, argv);
	}
	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
		if (strcmp(argv[1], roles[i].name) == 0) {
			log_init(roles[i].log, LOG_LEVEL_INFO);
			return roles[i].main(argc - 1, argv + 1);
		}
	}
	fprintf(stderr, "bulkheadd: no such role: %s\n"
			"usage: bulkheadd                 run the supervisor (started by init)\n"
			"       bulkheadd firewall-init   put the firewall up\n"
			"       bulkheadd tls-init        make the certificate if there is none\n"
			"       bulkheadd shutdown        stop all containers, then the daemon\n",
		argv[1]);
	return 2;
}
