/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * name: what people may call things.
 */
#ifndef BULKHEAD_NAME_H
#define BULKHEAD_NAME_H

#include <stdbool.h>

struct error;

enum {
	NAME_MAX_LABEL = 63,
	NAME_MAX_IMAGE = 128,
	NAME_MAX_TOKEN = 64,
};

/* 1 to 63 lower-case letters, digits and inner hyphens (RFC 1123 label): realms, projects, containers. */
int name_check(const char *name, const char *field, struct error *err);

/*
 * 1 to 128 of lower-case letters, digits and . _ - / : with a letter or digit first. Not as a whole of the form of an
 * id (24 hex digits) or a digest (64), and not beginning with "sha256:".
 */
int name_check_image(const char *name, const char *field, struct error *err);

#endif
