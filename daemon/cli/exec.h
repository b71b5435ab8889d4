/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec: `bulkhead exec`: a command in a container, with this terminal or these
 * streams as its own (openapi.yaml, sessionsAttach).
 */
#ifndef BULKHEAD_CLI_EXEC_H
#define BULKHEAD_CLI_EXEC_H

struct error;
struct http_target;

enum { EXEC_UNKNOWN = 255 }; /* nobody knows how the command ended */

/*
 * [user=USER] [cwd=FOLDER] CONTAINER COMMAND [WORD...]. The command gets a terminal if standard input and output are one.
 * Gives its exit code, 128 and its signal if that ended it, or -1 with err: EINVAL without a message for the usage.
 */
int exec_attached(const struct http_target *target, int count, char **words, struct error *err);

#endif
