/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handover: the last step. The OS root becomes "/", the files of the initramfs
 * are removed from RAM (the OS image stays alive through its mount), and the
 * OS's init replaces this process.
 */
#ifndef BULKHEAD_HANDOVER_H
#define BULKHEAD_HANDOVER_H

struct error;

#define HANDOVER_INIT "/sbin/init"

/* Checks what would make the hand-over fail half-way: the OS root and its init are there. */
int handover_check(struct error *err);

/*
 * Does not return on success. -1 with err while nothing was changed yet; past
 * that point a failure is told on the console, and the machine restarts.
 */
int handover_run(struct error *err);

#endif
