/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hex: lower-case hexadecimal text of random ids, tokens and hashes.
 */
#ifndef BULKHEAD_HEX_H
#define BULKHEAD_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ID_BYTES = 12,               /* 96 random bits: realm, project, container */
	ID_TEXT = 2 * ID_BYTES + 1,  /* 24 digits and NUL */
	TOKEN_BYTES = 32,            /* 256 random bits */
	TOKEN_TEXT = 2 * TOKEN_BYTES + 1,
	DIGEST_BYTES = 32,           /* SHA-256 */
	DIGEST_TEXT = 2 * DIGEST_BYTES + 1,
};

/* Writes 2 * size digits and a NUL. */
void hex_encode(const void *bytes, size_t size, char *text);

/* Reads exactly 2 * size lower-case digits, then NUL. False, bytes untouched, if it is anything else. */
bool hex_decode(const char *text, void *bytes, size_t size);

/* True for exactly digits lower-case hex digits, then NUL. */
bool hex_valid(const char *text, size_t digits);

/* A fresh random id from getrandom(2), which cannot fail once the kernel's pool is filled. */
void id_generate(char text[ID_TEXT]);

/* True for 24 lower-case hex digits, then NUL. */
bool id_valid(const char *text);

#endif
