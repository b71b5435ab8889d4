/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * assertion: what a service is told of who was let in to it, signed (lib/identity_key.h), for a minute. Signing costs as much as
 * all the rest of a decision, so one that is not old yet is handed out again.
 */
#ifndef BULKHEAD_ASSERTION_H
#define BULKHEAD_ASSERTION_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct route;
struct verdict;

/* domain: of the host; kept by reference. */
void assertion_init(const char *domain);
int assertion_key(const uint8_t *key, struct error *err);

/* -1: there is no key, or it does not fit. */
int assertion_make(const struct route *route, const struct verdict *verdict, char *text, size_t room);

#endif
