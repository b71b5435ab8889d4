/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/secret.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/lib/error.h"

static size_t secret_mapping(size_t room)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (room + 1 + page - 1) / page * page;
}

struct secret *secret_new(size_t room, struct error *err)
{
	struct secret *secret = calloc(1, sizeof *secret);
	if (secret == NULL) {
		error_set(err, ENOMEM, "no memory for a secret");
		return NULL;
	}
	size_t size = secret_mapping(room);
	void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED) {
		error_errno(err, "no memory for a secret");
		free(secret);
		return NULL;
	}
	/* A child that needs the secret gets it through a pipe, not by inheritance. */
	if (mlock(data, size) == -1 || madvise(data, size, MADV_DONTDUMP) == -1 ||
	    madvise(data, size, MADV_WIPEONFORK) == -1) {
		error_errno(err, "cannot lock memory for a secret");
		munmap(data, size);
		free(secret);
		return NULL;
	}
	secret->data = data;
	secret->room = room;
	return secret;
}

void secret_free(struct secret *secret)
{
	if (secret == NULL)
		return;
	size_t size = secret_mapping(secret->room);
	explicit_bzero(secret->data, size);
	munmap(secret->data, size);
	free(secret);
}

int secret_append(struct secret *secret, const void *data, size_t size, struct error *err)
{
	if (size > secret->room - secret->size)
		return error_set(err, E2BIG, "the secret is longer than %zu bytes", secret->room);
	memcpy(secret->data + secret->size, data, size);
	secret->size += size;
	secret->data[secret->size] = '\0';
	return 0;
}

int secret_read(struct secret *secret, int fd, struct error *err)
{
	for (;;) {
		char probe;
		bool full = secret->size == secret->room;
		ssize_t n = full ? read(fd, &probe, 1)
				 : read(fd, secret->data + secret->size, secret->room - secret->size);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_errno(err, "cannot read the secret");
		if (n == 0)
			break;
		if (full)
			return error_set(err, E2BIG, "the secret is longer than %zu bytes", secret->room);
		secret->size += (size_t)n;
	}
	if (secret->size > 0 && secret->data[secret->size - 1] == '\n')
		secret->size--;
	secret->data[secret->size] = '\0';
	return 0;
}
