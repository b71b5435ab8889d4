/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command: runs another program and waits for it; no shell in between.
 */
#ifndef BULKHEAD_COMMAND_H
#define BULKHEAD_COMMAND_H

#include <stddef.h>

struct error;

/*
 * Runs argv[0] (full path). Standard output goes into out (at most size - 1
 * bytes are kept, NUL behind) or, when out is NULL, to /dev/null; standard error
 * stays ours. -1 when it did not run or ended with another code than 0.
 */
int command_run(const char *const *argv, char *out, size_t size, struct error *err);

#endif
