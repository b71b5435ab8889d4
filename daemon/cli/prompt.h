/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prompt: a secret that is typed, or that a script brings.
 */
#ifndef BULKHEAD_PROMPT_H
#define BULKHEAD_PROMPT_H

struct error;
struct secret;

/*
 * All of standard input, without a newline at its end; where that is a terminal, one line from it that is not shown. again: asks once
 * more, with this prompt, and the two must be the same (EINVAL); or NULL. ECANCELED: Ctrl-C.
 */
int prompt_secret(const char *prompt, const char *again, struct secret *secret, struct error *err);

#endif
