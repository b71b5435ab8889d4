/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool: files of images on their way in. They have no name (O_TMPFILE):
 * whatever cuts the way, nothing is left.
 */
#ifndef BULKHEAD_SPOOL_H
#define BULKHEAD_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

struct error;

/* An empty file, open for writing; the caller's to close. -1 with err. */
int spool_open(struct error *err);

/* Bytes that may be written before the disk has no more than what the state store and containers need. */
uint64_t spool_room(int fd);

/* A descriptor of its own that cannot write: who reads it reads what was checked. -1 with err. */
int spool_reader(int fd, struct error *err);

#endif
