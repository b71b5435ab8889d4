/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profit: what memory merging brings one container: the sum over its processes
 * of /proc/<pid>/ksm_stat (Documentation/admin-guide/mm/ksm.rst). A child
 * reads: a container may have as many processes as its limit allows.
 *
 * A page that n containers share counts in each of them, so the sum over
 * containers is more than the host has saved (merge_read() tells that).
 */
#ifndef BULKHEAD_PROFIT_H
#define BULKHEAD_PROFIT_H

#include <stdint.h>

struct container_message;
struct error;
struct loop;

enum { PROFIT_CHILDREN_MAX = 8 };

struct profit {
	uint64_t processes;     /* that are candidates */
	uint64_t pages_merged;  /* of them mapped to a page that others have too */
	uint64_t pages_zero;    /* to the page of zeros */
	int64_t bytes;          /* saved, less what the kernel keeps to know of the pages; may be negative */
};

/* err NULL: measured. */
typedef void profit_cb(const char *id, const struct profit *profit, const struct error *err, void *data);

/* Adds one process's ksm_stat; one that is no candidate adds nothing. */
void profit_add(struct profit *sum, const char *text);

/* Calls back once, unless -1 is returned. EBUSY: PROFIT_CHILDREN_MAX are at it. One that does not run has nothing. */
int profit_begin(struct loop *loop, const struct container_message *message, profit_cb *cb, void *data, struct error *err);

#endif
