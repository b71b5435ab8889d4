/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"

int names_add(struct names *names, const char *name, struct error *err)
{
	if (names->count == names->room) {
		size_t room = names->room == 0 ? 256 : names->room * 2;
		char(*larger)[DIGEST_TEXT] = reallocarray(names->list, room, sizeof *larger);
		if (larger == NULL)
			return error_set(err, ENOMEM, "no memory for more than %zu names", names->count);
		names->list = larger;
		names->room = room;
	}
	snprintf(names->list[names->count++], DIGEST_TEXT, "%s", name);
	names->sorted = false;
	return 0;
}

static int order(const void *a, const void *b)
{
	return strcmp(a, b);
}

bool names_has(struct names *names, const char *name)
{
	if (names->count == 0)
		return false;
	if (!names->sorted)
		qsort(names->list, names->count, sizeof *names->list, order);
	names->sorted = true;
	return bsearch(name, names->list, names->count, sizeof *names->list, order) != NULL;
}

void names_clear(struct names *names)
{
	free(names->list);
	*names = (struct names){ 0 };
}
