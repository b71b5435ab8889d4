/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notice: lines for the operator: kernel log, consoles, open prompts. The last
 * ones are kept for a console that comes later.
 */
#ifndef BULKHEAD_NOTICE_H
#define BULKHEAD_NOTICE_H

#include <stddef.h>

enum { NOTICE_TEXT = 300, NOTICE_KEPT = 48 };

typedef void notice_cb(const char *text);

/* Never pass a secret. */
void notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same unless it repeats the text before it: for what is looked at again and again. */
void notice_once(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Called with each line from now on; NULL: none. */
void notice_listen(notice_cb *cb);

/* Calls back with the kept lines, oldest first. */
void notice_replay(void (*cb)(const char *text, void *data), void *data);

#endif
