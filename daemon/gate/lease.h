/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lease: streams that were let in until a time, and end then if they have not ended before. HAProxy numbers its streams, in
 * each of its processes anew; which are open it is asked when a lease is over, and now and then. Of one of HTTP/2
 * the others on its connection go on.
 */
#ifndef BULKHEAD_LEASE_H
#define BULKHEAD_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct haproxy;
struct loop;

int lease_init(struct loop *loop, struct haproxy *haproxy, struct error *err);

/* until_ms: since 1970. False: there is no room for it, so it must not be let in. */
bool lease_add(uint32_t process, uint32_t stream, int64_t until_ms);

/*
 * The line of a stream in the answer to "show sess": its address, by which it is ended, and its number (HAProxy 3.0
 * management guide, 9.3). False: another line.
 */
bool lease_line(const char *line, unsigned long long *ret_address, uint32_t *ret_stream);

#endif
