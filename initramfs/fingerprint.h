/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fingerprint: how ssh(1) names a public key.
 */
#ifndef BULKHEAD_FINGERPRINT_H
#define BULKHEAD_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>

enum { FINGERPRINT_TEXT = 64 };

/* "SHA256:..." of the public key in a line of authorized_keys without options. False if it is none. */
bool fingerprint_of_key(const char *line, char text[FINGERPRINT_TEXT]);

#endif
