/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address: which addresses and ids a container may have. api chooses them; this
 * is the second look before they reach the kernel.
 */
#ifndef BULKHEAD_ADDRESS_H
#define BULKHEAD_ADDRESS_H

#include <stdint.h>

#include "daemon/lib/hex.h"

struct error;
struct hostcfg_address;

enum {
	ID_RANGE = 65536,       /* ids of one container */
	ID_LAYER_BASE = 1000000, /* host id of a layer's root */
	ID_FIRST = 2000000,     /* first container's base */
	LINK_TEXT = 16,         /* IFNAMSIZ */
};

/* ipv4 in network byte order: inside the pool, and neither its first nor its last address. */
int address_check4(const struct hostcfg_address *pool, uint32_t ipv4, struct error *err);

/* A unique local address, fd00::/8 (RFC 4193). */
int address_check6(const uint8_t ipv6[16], struct error *err);

/* A base from ID_FIRST up in steps of ID_RANGE, whose range ends below 2^32 - 1. */
int address_check_ids(uint32_t id_base, struct error *err);

/* Names of both ends of a container's veth before it moves: host side "h", container side "c", then 10 digits of id. */
void address_links(const char id[ID_TEXT], char host[LINK_TEXT], char peer[LINK_TEXT]);

#endif
