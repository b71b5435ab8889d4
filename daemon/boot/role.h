/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * role: the running processes of the daemon, for an operator whose role hangs.
 */
#ifndef BULKHEAD_BOOT_ROLE_H
#define BULKHEAD_BOOT_ROLE_H

struct error;

/*
 * Kills (SIGKILL) api, engine, gate or names, which the supervisor starts again, or
 * daemon: the supervisor itself, which init starts again with all roles; or proxy:
 * HAProxy, likewise. Containers go on. EINVAL: no such role; ESRCH: it does not run just now.
 */
int role_kill(const char *name, struct error *err);

#endif
