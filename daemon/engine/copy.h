/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copy: what a container has written, once more: as a snapshot, as the start of
 * another container, or back in its place. A snapshot is a container's folder
 * without a container.
 *
 * The work of one child process, which may be killed at any point. All of it stands
 * below .copy-<to> first and gets its name by one rename when it is on disk; what is
 * left otherwise begins with a dot and is swept away (tree.h).
 */
#ifndef BULKHEAD_COPY_H
#define BULKHEAD_COPY_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/engine/clone.h"
#include "daemon/lib/hex.h"

struct error;

#define COPY_STAGE ".copy-"

struct copy_request {
	const char *containers;   /* <id>/upper below it */
	const char *content;      /* base of content.h */
	char from[ID_TEXT], to[ID_TEXT];
	uint32_t from_base, to_base; /* host ids of their roots: owners are shifted */
	uint32_t project;         /* that the copy's space counts for; 0: none */
	uint64_t disk_max;        /* of that project; 0: no limit */
	bool replace;             /* `to` is there, and stopped: what it wrote goes */
};

/*
 * `from` must not change meanwhile: it is stopped, and held here against a start, or frozen. One that
 * never ran has written nothing. A copy that is there already (not with replace) is left as it is.
 */
int copy_run(const struct copy_request *request, struct clone_sum *ret_sum, struct error *err);

#endif
