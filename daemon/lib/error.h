/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * error: what went wrong, with context, carried up to whoever can act on it.
 *
 * Contract. A function that can fail takes `struct error *err` last and returns
 * 0 or -1 (NULL from a constructor). On failure, and only then, it has filled
 * *err. A caller that cannot act on it adds what it knows (error_wrap) and
 * returns -1 itself. Whoever stops the error prints it, once. err is never
 * NULL. A function never both logs and returns an error.
 */
#ifndef BULKHEAD_ERROR_H
#define BULKHEAD_ERROR_H

#include <stddef.h>

struct error {
	int code;          /* errno value that says which kind; 0: none */
	char field[128];   /* JSON path of the offending input, or "" */
	char message[384]; /* one line for a person, no newline */
};

#define ERROR_INIT { 0 }

/* Fills *err and returns -1, so that failing is one line. */
int error_set(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same with code = errno, and ": <text of errno>" behind the message. */
int error_errno(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for bad input, code = EINVAL; field names the JSON path ("" if none). */
int error_field(struct error *err, const char *field, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<context>: " before the message; code and field stay. Returns -1. */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Makes text valid UTF-8: bytes that are none become '?', a character cut at the
 * end goes. The functions above do so by themselves, because an error goes out as
 * JSON and may quote what a client sent.
 */
void text_mend(char *text);

#endif
