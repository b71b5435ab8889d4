/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world: three network namespaces in one kernel: this one, the host; a container behind
 * link CONTAINER_LINK; and the outside behind link up0, which echoes UDP and swallows
 * TCP. All of IPv4. Whatever fails ends the program.
 */
#ifndef BULKHEAD_BENCH_WORLD_H
#define BULKHEAD_BENCH_WORLD_H

#include <stddef.h>
#include <stdint.h>

struct error;

#define CONTAINER_LINK "h0000000001"
#define CONTAINER_ADDRESS "10.77.0.2"

/* Mounts what a first process mounts, and makes the three. */
void world_make(void);

/* The middle of count round trips of a small UDP packet from the container to the outside and back, in ns. */
uint64_t world_round_trip(size_t count);

/* MB a second of TCP from the container to the outside. */
double world_throughput(size_t megabytes);

/* From begin to end the container sends a packet every millisecond; returns how many of them did not come back. */
void world_stream_begin(void);
size_t world_stream_end(size_t *ret_sent);

/* Says why, and ends. */
__attribute__((noreturn)) void world_fail(const char *what, const struct error *err);

#endif
