/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * allocate: addresses and id ranges of new containers. Nothing is shared while
 * its container, or what is left of it, exists.
 */
#ifndef BULKHEAD_ALLOCATE_H
#define BULKHEAD_ALLOCATE_H

#include <stdint.h>

#include "daemon/lib/hex.h"
#include "daemon/lib/hostcfg.h"

struct error;
struct store;

/* As engine/address.h checks them again. */
enum {
	ALLOCATE_ID_FIRST = 2000000,
	ALLOCATE_ID_RANGE = 65536,
	ALLOCATE_ID_COUNT = 65500,  /* ranges below 2^32 - 2 */
	ALLOCATE_QUARANTINE_MS = 10 * 60 * 1000, /* an IPv4 address rests this long after its container */
};

struct allocation {
	uint32_t id_base;
	uint32_t ipv4;    /* host byte order */
	uint8_t ipv6[16];
};

/*
 * Inside the transaction that makes the container. Addresses and ranges are given
 * out in a circle, so that a freed one rests as long as possible.
 *
 * The IPv6 address is unique local (RFC 4193): 48 bits of the host, drawn once
 * at random, then the first 80 bits of the container's id.
 */
int allocate(struct store *store, const struct hostcfg_address *pool, const char id[ID_TEXT], int64_t now_ms,
	     struct allocation *ret_allocation, struct error *err);

/* Inside the transaction that forgets the container: its IPv4 address goes into quarantine. */
int allocate_release(struct store *store, uint32_t ipv4, int64_t now_ms, struct error *err);

/* The next of a circle of usable addresses of the pool: not the first two (network, gateway) nor the last. */
uint32_t allocate_next_ipv4(const struct hostcfg_address *pool, uint32_t last);

void allocate_ipv6(const uint8_t prefix[6], const char id[ID_TEXT], uint8_t ipv6[16]);

#endif
