/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep: takes out of table inet bulkhead what an earlier engine has left there and
 * nobody names any more: chains, counters, sets, elements of containers.
 */
#ifndef BULKHEAD_SWEEP_H
#define BULKHEAD_SWEEP_H

/* When all containers with rules (subject.h) and all address sets (netset.h) have been named. A failure is logged. */
void sweep_run(void);

#endif
