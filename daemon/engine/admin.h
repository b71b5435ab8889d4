/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admin: who reaches the host's own SSH: chain `admin` of table inet bulkhead, filled
 * from access.h. What was confirmed is kept on disk, and in force before the API is.
 */
#ifndef BULKHEAD_ENGINE_ADMIN_H
#define BULKHEAD_ENGINE_ADMIN_H

struct error;
struct message;

/* After firewall_install(). A list that cannot be read is told in the log, and SSH is open: its keys still hold. */
int admin_init(struct error *err);

/* MESSAGE_ACCESS */
void admin_take(const struct message *message);

#endif
