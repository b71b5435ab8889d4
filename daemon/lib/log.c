/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *log_name = "bulkhead";
static enum log_level log_max = LOG_LEVEL_INFO;

void log_init(const char *name, enum log_level max)
{
	log_name = name;
	log_max = max;
}

static void log_write(enum log_level level, const char *word, const char *fmt, va_list ap)
{
	char line[1024];
	int saved = errno;

	if (level > log_max)
		return;
	int len = snprintf(line, sizeof line, "%s: %s", log_name, word);
	if (len < 0)
		return;
	/* Room is kept for the newline, whatever the text's length. */
	int more = vsnprintf(line + len, sizeof line - 1 - (size_t)len, fmt, ap);
	if (more > 0)
		len += more < (int)sizeof line - 2 - len ? more : (int)sizeof line - 2 - len;
	for (int i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			line[i] = '?'; /* a peer's bytes must not forge a line or drive a terminal */
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)len) == -1) {
		/* Nowhere left to say so. */
	}
	errno = saved;
}

#define LOG_FUNCTION(function, level, word) \
	void function(const char *fmt, ...) \
	{ \
		va_list ap; \
		va_start(ap, fmt); \
		log_write(level, word, fmt, ap); \
		va_end(ap); \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR, "error: ")
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING, "warning: ")
LOG_FUNCTION(log_info, LOG_LEVEL_INFO, "")
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG, "debug: ")
