/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate: what its processes share. */
#ifndef BULKHEAD_GATE_H
#define BULKHEAD_GATE_H

struct error;

/* Gives up all but what the role needs. */
int gate_sandbox(struct error *err);

#endif
