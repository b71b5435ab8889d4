/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan: which files of which containers are the same. In three steps, so that
 * few files have to be read: all files with their size; those whose size occurs
 * twice are hashed by the caller; those whose hash occurs twice, or whose data
 * the store has, are shared. Nothing here touches a file.
 */
#ifndef BULKHEAD_PLAN_H
#define BULKHEAD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hex.h"

struct error;

enum {
	PLAN_FILES_MAX = 500000,     /* some 120 bytes each, */
	PLAN_TEXT_MAX = 64 << 20,    /* and their paths */
};

struct plan_file {
	uint32_t container;     /* the caller's number */
	bool candidate;         /* to be hashed */
	bool share;
	uint64_t size;
	char hash[DIGEST_TEXT]; /* "": not hashed, or it could not be read */
	char *path;             /* owned by the plan */
};

struct plan_data {
	uint64_t size;
	char hash[DIGEST_TEXT];
};

/* All zeros at first. */
struct plan {
	struct plan_file *files;
	struct plan_data *data;
	size_t text; /* bytes of paths */
	size_t file_count, file_room, data_count, data_room;
};

struct plan_sum {
	uint64_t files; /* to be shared */
	uint64_t bytes; /* their sizes */
	uint64_t saved; /* less one copy of each content that is not stored yet */
};

void plan_clear(struct plan *plan);

/* path is copied. ENOSPC: PLAN_FILES_MAX are known, or PLAN_TEXT_MAX bytes of paths. */
int plan_add(struct plan *plan, uint32_t container, const char *path, uint64_t size, struct error *err);

/* Data that the store has already. */
int plan_add_data(struct plan *plan, const char hash[DIGEST_TEXT], uint64_t size, struct error *err);

/* Sets candidate; the largest files come first from then on. */
void plan_pair(struct plan *plan);

/* Sets share; files are in order of container, then path, from then on. */
void plan_share(struct plan *plan, struct plan_sum *ret_sum);

#endif
