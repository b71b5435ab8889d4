/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prompt: asks a person on a terminal for the passphrase, or on first boot for a
 * new one, while the agent's news come in between.
 */
#ifndef BULKHEAD_PROMPT_H
#define BULKHEAD_PROMPT_H

#include <stdbool.h>

/* Descriptors 0 and 1 are the terminal. wipe: an enrolment erases foreign signatures. Returns the exit status. */
int prompt_run(const char *origin, bool console, bool wipe);

#endif
