/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * export: a stopped container, or a snapshot, as an image that any tool reads: an OCI image layout
 * in a tar (OCI image specification 1.1), of one layer that holds all of its files. In a child process, which
 * has a mount namespace of its own.
 */
#ifndef BULKHEAD_EXPORT_H
#define BULKHEAD_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct export_message;
struct loop;

enum { EXPORTS_MAX = 2 }; /* at a time */

/* err NULL: the file has so many bytes. */
typedef void export_cb(uint64_t bytes, const struct error *err, void *data);

/* Calls back once, unless -1 is returned: EAGAIN too many at a time, EBUSY it runs. file is duplicated. */
int export_begin(struct loop *loop, const struct export_message *message, int file, export_cb *cb, void *data, struct error *err);

#endif
