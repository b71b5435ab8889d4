/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log: lines for the operator on standard error, "<name>: <level>: text".
 *
 * The kernel log and the supervisor add time; a line is written with one
 * write(2), so that lines of several processes do not mix. errno is kept.
 * Where standard error is /dev/kmsg, the kernel is told the level in its own way,
 * so that errors reach the console. Never pass a secret.
 */
#ifndef BULKHEAD_LOG_H
#define BULKHEAD_LOG_H

struct error;

enum log_level {
	LOG_LEVEL_ERROR,   /* something that was asked for is not done; the operator must act */
	LOG_LEVEL_WARNING, /* done, but not as configured, or will fail later */
	LOG_LEVEL_INFO,    /* life cycle: started, unlocked, stopped */
	LOG_LEVEL_DEBUG,   /* for the developer; off by default */
};

/*
 * Sets the name in front of each line (kept by reference) and the highest level
 * written, and looks at what standard error is: again after that has changed.
 */
void log_init(const char *name, enum log_level max);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
