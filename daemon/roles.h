/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * roles: the parts of bulkheadd, one process each, chosen by argv[1]. Each
 * takes the arguments from its own name on and returns the exit code.
 *
 * The supervisor starts engine, api, gate, names, audit and records with the descriptors that
 * protocol.h numbers. `start` is run by the engine for one container, `exec` for one
 * command in it, `pull` for one image; tls-init and shutdown are run by init.
 */
#ifndef BULKHEAD_ROLES_H
#define BULKHEAD_ROLES_H

#include <sys/types.h>

/* Accounts of the roles; rootfs has them in /etc/passwd and /etc/group. */
enum {
	ROLE_UID_API = 901,
	ROLE_UID_GATE = 902,
	ROLE_UID_HAPROXY = 903,
	ROLE_UID_PULL = 904,  /* also their groups: they share nothing with the others */
	ROLE_UID_NAMES = 905,
	ROLE_UID_AUDIT = 906, /* of audit and records */
	ROLE_GID = 900,
};

typedef int role_main(int argc, char **argv);

role_main supervisor_main; /* no argument */
role_main shutdown_main;   /* asks the running supervisor to stop all containers and end; waits for it */
role_main firewall_init_main; /* the firewall, before anything listens */
role_main tls_init_main;   /* certificate and HAProxy's domain file, before HAProxy starts */
role_main api_main;
role_main gate_main;
role_main passwords_main;  /* run by the gate */
role_main names_main;
role_main audit_main;
role_main records_main;
role_main engine_main;
role_main start_main;
role_main exec_main;
role_main pull_main;

#endif
