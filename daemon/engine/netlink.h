/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netlink: one question to the kernel and its answer (netlink(7)), by libmnl.
 */
#ifndef BULKHEAD_NETLINK_H
#define BULKHEAD_NETLINK_H

#include <libmnl/libmnl.h>
#include <stddef.h>

struct error;

/*
 * Sends size bytes of messages on a fresh socket of bus (NETLINK_*) and calls
 * cb, which may be NULL, for each answer until the last message of sequence
 * number last was acknowledged or a dump ended. The first refusal is the error,
 * its errno in err->code.
 */
int netlink_talk(int bus, const void *messages, size_t size, unsigned last, mnl_cb_t cb, void *data, struct error *err);

#endif
