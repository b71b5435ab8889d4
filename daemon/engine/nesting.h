/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nesting: whether the kernel lets containers make user namespaces at all
 * (kernel.unprivileged_userns_clone): only while one runs that is made for it. What bars the others
 * then is their list of system calls alone (policy.h).
 */
#ifndef BULKHEAD_NESTING_H
#define BULKHEAD_NESTING_H

/*
 * Looks at all containers and tells the kernel: before one starts, and when one has ended. Nothing
 * before nesting_begin().
 */
void nesting_update(void);

/* All containers that an earlier engine left have been found; until here what that one told the kernel stands. */
void nesting_begin(void);

#endif
