/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture: what a command writes, kept up to a limit, and counted beyond it.
 * The command never waits for anybody.
 */
#ifndef BULKHEAD_CAPTURE_H
#define BULKHEAD_CAPTURE_H

#include <stdint.h>

struct capture;
struct error;
struct loop;

/* A file for both streams: the first at 0, the second at max. The caller closes *ret_file. NULL with err. */
struct capture *capture_new(struct loop *loop, uint32_t max, int *ret_file, struct error *err);

/* Begins to read; takes the descriptors over. */
int capture_begin(struct capture *capture, const int fds[2], struct error *err);

/* The command has ended: what it wrote is taken to the end, and nobody is waited for. Bytes of each stream, kept or not. */
void capture_end(struct capture *capture, uint64_t ret_written[2]);

#endif
