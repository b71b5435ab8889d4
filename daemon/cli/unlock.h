/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unlock: gives a passphrase to the boot agent of a host, by the system's ssh,
 * on the standard input of the agent's command. The passphrase is in locked
 * memory here and in no argument, environment or file.
 */
#ifndef BULKHEAD_UNLOCK_H
#define BULKHEAD_UNLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct error;

struct unlock {
	const char *host;        /* name or address; root@ is put before it */
	uint16_t port;
	const char *key;         /* identity file; NULL: ssh's own choice */
	const char *known_hosts; /* NULL: ssh's own */
	const char *command;     /* of the agent: "unlock" or "enroll" */
	bool twice;              /* a new passphrase: ask for it twice */
};

/*
 * Asks on the terminal, or reads standard input to its end when that is none.
 * Returns the exit code of the agent (README, "Unlock"; 255: ssh failed; 127: there
 * is no ssh), or -1; with ECANCELED when the person typed Ctrl-C.
 */
int unlock_run(const struct unlock *unlock, struct error *err);

#endif
