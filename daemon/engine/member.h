/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * member: the files of a plain tar by name, as parts of it, without unpacking
 * anything. Used in a cage (cage.h), on what strangers sent.
 */
#ifndef BULKHEAD_MEMBER_H
#define BULKHEAD_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/engine/stream.h"

struct error;

struct members {
	struct member *list; /* owned */
	size_t count, room;
};

/*
 * Reads the headers of a tar from a stream that was opened. seen is called for
 * each name, without "./" in front and "/" behind; when it returns false, the walk ends.
 * EINVAL, field "tar", when the tar cannot be read; E2BIG: more than max files.
 */
int members_read(struct members *members, struct stream *stream, size_t max, bool (*seen)(const char *name, void *data),
		 void *data, struct error *err);

/*
 * The regular file of that name, through links; of several with one name the
 * last, as tar unpacks them. False if there is none.
 */
bool members_find(const struct members *members, const char *name, uint64_t *ret_offset, uint64_t *ret_size);

void members_free(struct members *members);

#endif
