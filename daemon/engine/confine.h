/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * confine: what even the privileged role gives up. Its start helpers inherit
 * it, and liblxc needs mounts, namespaces, raw netlink and cgroup BPF; so this
 * is a list of what is refused. The container's own list is stricter, and so
 * is that of unpacking.
 */
#ifndef BULKHEAD_CONFINE_H
#define BULKHEAD_CONFINE_H

struct error;

/* Drops capabilities for good and loads the filter. no_new_privs stays off: setuid works in containers. */
int confine_enter(struct error *err);

#endif
