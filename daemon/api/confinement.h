/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * confinement: which system calls a container's programs may not make: {"policy": "strict", "deny": ["mount", ...]}.
 */
#ifndef BULKHEAD_API_CONFINEMENT_H
#define BULKHEAD_API_CONFINEMENT_H

#include <jansson.h>

struct container_message;
struct error;

#define CONFINEMENT_DEFAULT "{\"policy\":\"default\",\"deny\":[]}"

/* What a client sent; NULL: nothing. Names of calls are those of the kernel, or err->field says which is none. */
int confinement_check(json_t *seccomp, struct error *err);

/* The same with what was left out; a new reference. */
json_t *confinement_whole(json_t *seccomp);

/* As a row has it. */
int confinement_fill(json_t *seccomp, struct container_message *message, struct error *err);

#endif
