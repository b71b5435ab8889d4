/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame: one Ethernet frame, put together from the outside in. Lengths and checksums of
 * the headers in it are filled in by frame_finish(), unless they were set before.
 */
#ifndef FORGE_FRAME_H
#define FORGE_FRAME_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 1514 };

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t size;
};

void frame_ethernet(struct frame *frame, const uint8_t to[6], const uint8_t from[6], uint16_t type);
void frame_tag(struct frame *frame, uint16_t vid, uint16_t type); /* 802.1Q, behind the Ethernet header of that type */
void frame_bytes(struct frame *frame, const void *bytes, size_t size);

/*
 * RFC 791, with options (a multiple of 4 bytes, or none), for payload bytes behind it.
 * fragment: offset in bytes, and whether more follow.
 */
struct frame_ipv4 {
	in_addr_t from, to;
	uint8_t protocol;
	const uint8_t *options;
	size_t option_size;
	uint16_t offset, id;
	bool more;
};
void frame_ipv4(struct frame *frame, const struct frame_ipv4 *ip, size_t payload);
void frame_ipv6(struct frame *frame, const struct in6_addr *from, const struct in6_addr *to, uint8_t next, uint8_t hops, size_t payload); /* RFC 8200 */

/* RFC 768, with its text; without a checksum (IPv4 only). */
void frame_udp(struct frame *frame, uint16_t from, uint16_t to, const char *text);

/* ICMPv6 (RFC 4443): type, code, then body; the checksum is over the IPv6 header right before it. */
void frame_icmpv6(struct frame *frame, uint8_t type, uint8_t code, const void *body, size_t size);

/* UDP over IPv6, whose checksum is not optional. */
void frame_udp6(struct frame *frame, const struct in6_addr *from, const struct in6_addr *to, uint16_t source, uint16_t destination, const char *text);

#endif
