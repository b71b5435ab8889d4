/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { KMSG_MAJOR = 1, KMSG_MINOR = 11 }; /* Linux: Documentation/admin-guide/devices.txt */

static const char *log_name = "bulkhead";
static enum log_level log_max = LOG_LEVEL_INFO;
static bool log_kernel; /* standard error is the kernel log */

void log_init(const char *name, enum log_level max)
{
	struct stat status;
	int saved = errno;

	log_name = name;
	log_max = max;
	log_kernel = fstat(STDERR_FILENO, &status) == 0 && S_ISCHR(status.st_mode) &&
		     status.st_rdev == makedev(KMSG_MAJOR, KMSG_MINOR);
	errno = saved;
}

/* How the kernel takes a level: "<3>" is what it still shows on a console that is kept quiet. */
static const char *log_prefix(enum log_level level)
{
	if (!log_kernel)
		return "";
	switch (level) {
	case LOG_LEVEL_ERROR: return "<3>";
	case LOG_LEVEL_WARNING: return "<4>";
	case LOG_LEVEL_INFO: return "<6>";
	case LOG_LEVEL_DEBUG: return "<7>";
	}
	return "";
}

static void log_write(enum log_level level, const char *word, const char *fmt, va_list ap)
{
	char line[1024];
	int saved = errno;

	if (level > log_max)
		return;
	int len = snprintf(line, sizeof line, "%s%s: %s", log_prefix(level), log_name, word);
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
