/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * secret: memory for passphrases and keys. Locked against swap, left out of
 * core dumps and of forked children, wiped when freed.
 */
#ifndef BULKHEAD_SECRET_H
#define BULKHEAD_SECRET_H

#include <stddef.h>

struct error;

enum { SECRET_MAX = 8192 }; /* longest passphrase or key file taken, in bytes */

struct secret {
	size_t size; /* bytes in use */
	size_t room; /* bytes in data */
	char *data;  /* always followed by a NUL byte within the mapping */
};

/* Memory for at most room bytes. NULL if it cannot be had or locked. */
struct secret *secret_new(size_t room, struct error *err);

/* Wipes and frees; takes NULL. */
void secret_free(struct secret *secret);

/* Adds bytes at the end; fails with E2BIG when they do not fit. */
int secret_append(struct secret *secret, const void *data, size_t size, struct error *err);

/*
 * Reads from fd to end of file; one newline at the end is dropped, as a shell's
 * echo adds it. E2BIG when longer than the room.
 */
int secret_read(struct secret *secret, int fd, struct error *err);

static inline void secret_cleanup(struct secret **secret)
{
	secret_free(*secret);
}

#define cleanup_secret __attribute__((cleanup(secret_cleanup)))

#endif
