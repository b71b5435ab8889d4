/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gate/rulebook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"

struct rulebook_entry {
	char id[ID_TEXT];
	struct permissions permissions;
};

/* The place of an id, or where it belongs. */
static size_t place_of(const struct rulebook *book, const char *id, bool *ret_found)
{
	size_t low = 0, high = book->count;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(id, book->entries[middle].id);
		if (order == 0)
			*ret_found = true;
		if (order <= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const struct permissions *rulebook_find(const struct rulebook *book, const char *id)
{
	bool found;
	size_t place = place_of(book, id, &found);

	return found ? &book->entries[place].permissions : NULL;
}

static int room_make(struct rulebook *book, struct error *err)
{
	size_t room = book->room == 0 ? 16 : book->room * 2;

	if (book->count == RULEBOOK_MAX)
		return error_set(err, ENOSPC, "the gate has permissions of %d already", RULEBOOK_MAX);
	if (book->count < book->room)
		return 0;
	struct rulebook_entry *more = reallocarray(book->entries, room, sizeof *more);
	if (more == NULL)
		return error_set(err, ENOMEM, "no memory for permissions");
	book->entries = more;
	book->room = room;
	return 0;
}

int rulebook_set(struct rulebook *book, const char *id, struct permissions *permissions, struct error *err)
{
	bool found, empty = permissions_empty(permissions);
	size_t place = place_of(book, id, &found);

	if (!found && !empty && room_make(book, err) == -1) {
		permissions_free(permissions);
		return -1;
	}
	struct rulebook_entry *entry = book->entries + place;
	if (found)
		permissions_free(&entry->permissions);
	if (empty) {
		permissions_free(permissions);
		if (found)
			memmove(entry, entry + 1, (--book->count - place) * sizeof *entry);
		return 0;
	}
	if (!found)
		memmove(entry + 1, entry, (book->count++ - place) * sizeof *entry);
	snprintf(entry->id, sizeof entry->id, "%.24s", id);
	entry->permissions = *permissions;
	*permissions = (struct permissions){ 0 };
	return 0;
}

void rulebook_clear(struct rulebook *book)
{
	for (size_t i = 0; i < book->count; i++)
		permissions_free(&book->entries[i].permissions);
	free(book->entries);
	*book = (struct rulebook){ 0 };
}
