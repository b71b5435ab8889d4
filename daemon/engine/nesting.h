/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nesting: whether the kernel lets containers make user namespaces at all
 * (kernel.unprivileged_userns_clone): only while one runs that is made for it. What bars the others
 * then is their list of system calls alone (policy.h).
 */
#ifndef BULKHEAD_NESTING_H
#define BULKHEAD_NESTING_H

/* Looks at all containers and tells the kernel. Before one starts, when one has ended, and when an engine has found them. */
void nesting_update(void);

#endif
