/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli: the command line: which command it is, its options, its exit code.
 */
#ifndef BULKHEAD_CLI_H
#define BULKHEAD_CLI_H

/* Does what the words say. Returns the exit code: 0, 1 for a failure, 2 for wrong usage; of unlock and enroll see README. */
int cli_run(int argc, char **argv);

#endif
