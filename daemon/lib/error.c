/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Length of the character that begins at text: 0 if it is none, -1 if it is right as far as the text goes. */
static int character_size(const unsigned char *text)
{
	if (text[0] < 0x80)
		return 1;
	int size = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	for (int i = 1; i < size; i++) {
		if (text[i] == '\0')
			return -1;
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		/* RFC 3629: nothing longer than it need be, no surrogates, nothing beyond U+10FFFF. */
		if (i == 1 && ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
			       (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f)))
			return 0;
	}
	return size;
}

void text_mend(char *text)
{
	while (*text != '\0') {
		int size = character_size((const unsigned char *)text);
		if (size == -1) {
			*text = '\0';
		} else if (size == 0) {
			*text++ = '?';
		} else {
			text += size;
		}
	}
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	err->field[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof err->message, fmt, ap);
	va_end(ap);
	text_mend(err->message);
	return -1;
}

int error_errno(struct error *err, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	err->code = saved;
	err->field[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof err->message, fmt, ap);
	va_end(ap);

	size_t len = strlen(err->message);
	snprintf(err->message + len, sizeof err->message - len, ": %s", strerror(saved));
	text_mend(err->message);
	return -1;
}

int error_field(struct error *err, const char *field, const char *fmt, ...)
{
	va_list ap;

	err->code = EINVAL;
	snprintf(err->field, sizeof err->field, "%s", field);
	text_mend(err->field);
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof err->message, fmt, ap);
	va_end(ap);
	text_mend(err->message);
	return -1;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	char context[sizeof err->message];
	char whole[sizeof err->message * 2 + 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(context, sizeof context, fmt, ap);
	va_end(ap);
	snprintf(whole, sizeof whole, "%s: %s", context, err->message);
	memcpy(err->message, whole, sizeof err->message);
	err->message[sizeof err->message - 1] = '\0';
	text_mend(err->message);
	return -1;
}
