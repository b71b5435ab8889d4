/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sshd: the door to dropbear (daemon/door), a child that is started again whenever it
 * ends. Keys only, no forwarding, one forced command: bulkhead-unlock.
 */
#ifndef BULKHEAD_SSHD_H
#define BULKHEAD_SSHD_H

#include <stdbool.h>

#include "daemon/lib/hostcfg.h"

struct loop;

/* Writes the authorized keys of cfg and (re)starts dropbear; without any key it stays off. */
void sshd_configure(struct loop *loop, const struct hostcfg *cfg);

/* True while sessions run. */
bool sshd_has_sessions(void);

/* Ends the server for good, sessions included. */
void sshd_stop(void);

bool sshd_is_running(void);

#endif
