/* SPDX-License-Identifier: GPL-2.0-or-later */
/* condition: one condition of a group of permissions.h. */
#ifndef BULKHEAD_CONDITION_H
#define BULKHEAD_CONDITION_H

#include "daemon/lib/permissions.h"

/*
 * Reads one, and makes the object normal: a token's "value" becomes its "sha256". path is for messages. *condition is zeroed
 * before; condition_free() in any case. -1 with err->field.
 */
int condition_read(json_t *object, const char *path, struct condition *condition, struct error *err);
void condition_free(struct condition *condition);

/* "open", ... */
const char *condition_kind_name(enum condition_kind kind);

#endif
