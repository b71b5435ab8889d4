/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain: names of the DNS (RFC 1035) as firewall rules have them: "api.example.com", or
 * "*.example.org" for all names below one.
 */
#ifndef BULKHEAD_DOMAIN_H
#define BULKHEAD_DOMAIN_H

#include <stdbool.h>

struct error;

enum { DOMAIN_TEXT = 254 };

/*
 * In lower case, without a dot at its end: what two names that are the same have in
 * common. Letters, digits, "-" and "_" alone: others as A-labels (RFC 5891). -1 with err
 * without a field.
 */
int domain_normal(const char *text, char ret_name[DOMAIN_TEXT], struct error *err);

/* The same, of what may begin with "*." and has two labels behind that. */
int domain_pattern(const char *text, char ret_pattern[DOMAIN_TEXT], struct error *err);

/* Both normal. "*.example.org" has no part in "example.org". */
bool domain_matches(const char *pattern, const char *name);

#endif
