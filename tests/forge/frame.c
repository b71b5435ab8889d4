/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/forge/frame.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

void frame_bytes(struct frame *frame, const void *bytes, size_t size)
{
	if (size > sizeof frame->bytes - frame->size)
		size = sizeof frame->bytes - frame->size;
	memcpy(frame->bytes + frame->size, bytes, size);
	frame->size += size;
}

void frame_ethernet(struct frame *frame, const uint8_t to[6], const uint8_t from[6], uint16_t type)
{
	uint16_t wire = htons(type);

	frame->size = 0;
	frame_bytes(frame, to, 6);
	frame_bytes(frame, from, 6);
	frame_bytes(frame, &wire, sizeof wire);
}

void frame_tag(struct frame *frame, uint16_t vid, uint16_t type)
{
	const uint16_t wire[] = { htons(vid), htons(type) };

	frame_bytes(frame, wire, sizeof wire);
}

/* RFC 1071. */
static uint16_t checksum(uint32_t sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

void frame_ipv4(struct frame *frame, const struct frame_ipv4 *ip, size_t payload)
{
	size_t size = sizeof(struct iphdr) + ip->option_size;
	struct iphdr header = {
		.version = 4, .ihl = (unsigned)(size / 4) & 15, .tot_len = htons((uint16_t)(size + payload)), .id = htons(ip->id), .ttl = 64,
		.protocol = ip->protocol, .saddr = ip->from, .daddr = ip->to,
		.frag_off = htons((uint16_t)(ip->offset / 8 | (ip->more ? IP_MF : 0))),
	};
	uint8_t whole[60];

	memcpy(whole, &header, sizeof header);
	if (ip->option_size > 0)
		memcpy(whole + sizeof header, ip->options, ip->option_size);
	header.check = checksum(0, whole, size);
	memcpy(whole, &header, sizeof header);
	frame_bytes(frame, whole, size);
}

void frame_ipv6(struct frame *frame, const struct in6_addr *from, const struct in6_addr *to, uint8_t next, uint8_t hops, size_t payload)
{
	struct ip6_hdr header = { .ip6_flow = htonl(6U << 28), .ip6_plen = htons((uint16_t)payload), .ip6_nxt = next, .ip6_hlim = hops,
				  .ip6_src = *from, .ip6_dst = *to };

	frame_bytes(frame, &header, sizeof header);
}

void frame_udp(struct frame *frame, uint16_t from, uint16_t to, const char *text)
{
	const struct udphdr header = { .source = htons(from), .dest = htons(to), .len = htons((uint16_t)(sizeof header + strlen(text))) };

	frame_bytes(frame, &header, sizeof header);
	frame_bytes(frame, text, strlen(text));
}

/* Over the pseudo header (RFC 8200, 8.1) and a part of the frame. */
static uint16_t checksum6(const struct in6_addr *from, const struct in6_addr *to, uint8_t next, const uint8_t *bytes, size_t size)
{
	uint32_t sum = (uint32_t)size + next;

	for (size_t i = 0; i < 16; i += 2)
		sum += (uint32_t)(from->s6_addr[i] << 8 | from->s6_addr[i + 1]) + (uint32_t)(to->s6_addr[i] << 8 | to->s6_addr[i + 1]);
	return checksum(sum, bytes, size);
}

void frame_icmpv6(struct frame *frame, uint8_t type, uint8_t code, const void *body, size_t size)
{
	struct icmp6_hdr header = { .icmp6_type = type, .icmp6_code = code };
	uint8_t *at = frame->bytes + frame->size;
	struct ip6_hdr ip;

	memcpy(&ip, at - sizeof ip, sizeof ip);
	frame_bytes(frame, &header, 4);
	frame_bytes(frame, body, size);
	header.icmp6_cksum = checksum6(&ip.ip6_src, &ip.ip6_dst, IPPROTO_ICMPV6, at, 4 + size);
	memcpy(at, &header, 4);
}

void frame_udp6(struct frame *frame, const struct in6_addr *from, const struct in6_addr *to, uint16_t source, uint16_t destination, const char *text)
{
	uint8_t *at = frame->bytes + frame->size;
	struct udphdr header;

	frame_udp(frame, source, destination, text);
	memcpy(&header, at, sizeof header);
	header.check = checksum6(from, to, IPPROTO_UDP, at, sizeof header + strlen(text));
	memcpy(at, &header, sizeof header);
}
