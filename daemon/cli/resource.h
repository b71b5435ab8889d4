/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resource: the API's nouns as commands: `realm create home`, `container stop ID`.
 */
#ifndef BULKHEAD_RESOURCE_H
#define BULKHEAD_RESOURCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct error;
struct http_target;

/* True if the word is one of the nouns. */
bool resource_known(const char *noun);

/* Runs argv[0] (noun) argv[1] (verb) and its arguments; prints the answer. EINVAL for wrong usage. */
int resource_run(const struct http_target *target, int argc, char **argv, struct error *err);

/*
 * Reads "key=text" and "key:=json" words into object; a dot in the key goes a
 * level down ("limits.memory_max:=1048576").
 */
int resource_fields(json_t *object, int count, char **words, struct error *err);

void resource_usage(FILE *out);

#endif
