/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/notice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/log.h"

static char lines[NOTICE_KEPT][NOTICE_TEXT];
static size_t written; /* since the start; the newest is lines[(written - 1) % NOTICE_KEPT] */
static char last_once[NOTICE_TEXT];
static notice_cb *listener;

static void notice_line(const char *text)
{
	snprintf(lines[written % NOTICE_KEPT], NOTICE_TEXT, "%s", text);
	written++;
	log_info("%s", text);
	if (listener != NULL)
		listener(text);
}

void notice(const char *fmt, ...)
{
	char text[NOTICE_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	notice_line(text);
}

void notice_once(const char *fmt, ...)
{
	char text[NOTICE_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (strcmp(text, last_once) == 0)
		return;
	memcpy(last_once, text, sizeof last_once);
	notice_line(text);
}

void notice_listen(notice_cb *cb)
{
	listener = cb;
}

void notice_replay(void (*cb)(const char *text, void *data), void *data)
{
	size_t first = written > NOTICE_KEPT ? written - NOTICE_KEPT : 0;

	for (size_t i = first; i < written; i++)
		cb(lines[i % NOTICE_KEPT], data);
}
