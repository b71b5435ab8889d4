/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * power: restart and power-off, as asked for over SSH or by Ctrl-Alt-Del.
 * A disk that does not answer delays them, and does not prevent them.
 */
#ifndef BULKHEAD_POWER_H
#define BULKHEAD_POWER_H

#include <stdbool.h>

struct loop;

/* Takes Ctrl-Alt-Del; problems are notices. */
void power_start(struct loop *loop);

/* Soon: the answer has to reach the client first. origin: who asked. */
void power_ask(const char *origin, bool off);

#endif
