/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nameset: the addresses that the host's resolver has found for the names of rules
 * (domain.h): a pair of timed sets of table inet bulkhead for each pattern, whichever
 * rules have it. What somebody resolved elsewhere is in none.
 */
#ifndef BULKHEAD_NAMESET_H
#define BULKHEAD_NAMESET_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/lib/cidr.h"

struct error;

enum { NAMESET_NAME = 24 };

/* Name of a pattern's set of AF_INET or AF_INET6. */
void nameset_name(const char *pattern, uint8_t family, char name[NAMESET_NAME]);

/* nft(8)'s commands that make both, if they are not there, or take both away. */
void nameset_make(FILE *out, const char *pattern);
void nameset_destroy(FILE *out, const char *pattern);

/* rule_name_holds_cb: whether it is in the pattern's set by now. */
bool nameset_holds(const char *pattern, const struct cidr *address, void *data);

/* The addresses of a pattern, each with the seconds that it stays: {"<address>": 3600}; NULL with err. */
json_t *nameset_list(const char *pattern, struct error *err);

#endif
