/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * agent: the course of a boot. Surveys the disks until there is something to
 * unlock, lets attempts come from everywhere at once, and after the first right
 * one finishes and ends the loop for the hand-over.
 */
#ifndef BULKHEAD_AGENT_H
#define BULKHEAD_AGENT_H

struct error;
struct loop;

/* Starts all parts in order. A part that fails is a notice; only a missing loop is an error. */
int agent_start(struct loop *loop, struct error *err);

/* After the loop has ended: leaves the boot record for the OS. Problems are logged. */
void agent_leave_record(void);

#endif
