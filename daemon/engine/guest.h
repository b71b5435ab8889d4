/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest: one container as liblxc sees it. Nothing is written to a config file:
 * every item is set by the API and checked by it.
 */
#ifndef BULKHEAD_GUEST_H
#define BULKHEAD_GUEST_H

#include <sys/types.h>

struct account;
struct container_message;
struct error;
struct lxc_container;

/* account: who runs its command. The caller releases it by lxc_container_put(). NULL with err. */
struct lxc_container *guest_new(const struct container_message *message, const struct account *account, struct error *err);

/* Starts it; its monitor is a process of its own, no longer a child. On success *ret_init is its init. */
int guest_start(struct lxc_container *guest, const struct container_message *message, pid_t *ret_init,
		struct error *err);

#endif
