/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console: a prompt on every console of the kernel. Each is a bulkhead-unlock of
 * its own, so that a stuck serial line blocks nobody else.
 */
#ifndef BULKHEAD_CONSOLE_H
#define BULKHEAD_CONSOLE_H

struct loop;

/* Starts the prompts, and starts each again when it ends. */
void console_start(struct loop *loop);

/* From now on a prompt that ends is not started again. */
void console_release(void);

/* Ends them for good; returns how many still run. */
unsigned console_stop(void);

#endif
