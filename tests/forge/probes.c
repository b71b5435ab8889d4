/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/forge/forge.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

enum { PORT = 9, UDP = 8, VLAN_TYPE = 0x8100, QINQ_TYPE = 0x88a8, MPLS_TYPE = 0x8847, EAPOL_TYPE = 0x888e, LLDP_TYPE = 0x88cc };

/* -- addresses that are not its own -- */

static bool udp4(const struct place *place, unsigned part, const char *text, struct frame *frame, in_addr_t from, in_addr_t to)
{
	frame_ethernet(frame, place->gateway, place->mac, ETHERTYPE_IP);
	frame_ipv4(frame, &(struct frame_ipv4){ .from = from, .to = to, .protocol = IPPROTO_UDP }, UDP + strlen(text));
	frame_udp(frame, PORT, PORT, text);
	return part == 0;
}

static bool udp6(const struct place *place, unsigned part, const char *text, struct frame *frame, const struct in6_addr *from, const struct in6_addr *to)
{
	frame_ethernet(frame, place->gateway, place->mac, ETHERTYPE_IPV6);
	frame_ipv6(frame, from, to, IPPROTO_UDP, 64, UDP + strlen(text));
	frame_udp6(frame, from, to, PORT, PORT, text);
	return part == 0;
}

#define FROM4(name, source, destination) \
	static bool name(const struct place *place, unsigned part, const char *text, struct frame *frame) \
	{ \
		return udp4(place, part, text, frame, source, destination); \
	}
#define FROM6(name, source, destination) \
	static bool name(const struct place *place, unsigned part, const char *text, struct frame *frame) \
	{ \
		struct in6_addr from = source, to = destination; \
		return udp6(place, part, text, frame, &from, &to); \
	}

static struct in6_addr six(const char *text)
{
	struct in6_addr address;

	(void)inet_pton(AF_INET6, text, &address);
	return address;
}

FROM4(own, place->own4, place->out4)
FROM4(of_peer, place->peer4, place->out4)
FROM4(of_host, place->host4, place->out4)
FROM4(of_outside, inet_addr("192.0.2.1"), place->out4)
FROM4(of_loopback, htonl(INADDR_LOOPBACK), place->out4)
FROM4(of_nobody, INADDR_ANY, place->out4)
FROM4(of_all, INADDR_BROADCAST, place->out4)
FROM4(of_gateway, inet_addr("169.254.0.1"), place->out4)
FROM4(to_peer, place->own4, place->peer4)
FROM4(to_peer_of_host, place->host4, place->peer4)
FROM4(to_peer_of_gateway, inet_addr("169.254.0.1"), place->peer4)
FROM4(to_peer_of_itself, place->peer4, place->peer4)
FROM4(to_metadata, place->own4, inet_addr("169.254.169.254"))
FROM4(to_loopback, place->own4, htonl(INADDR_LOOPBACK))
FROM4(to_broadcast, place->own4, INADDR_BROADCAST)
FROM4(to_multicast, place->own4, inet_addr("224.0.0.251"))
FROM4(to_network, place->own4, place->out4 | htonl(255))

FROM6(own6, place->own6, place->out6)
FROM6(of_peer6, place->peer6, place->out6)
FROM6(of_host6, place->host6, place->out6)
FROM6(of_outside6, six("2001:db8::1"), place->out6)
FROM6(of_loopback6, in6addr_loopback, place->out6)
FROM6(of_nobody6, in6addr_any, place->out6)
FROM6(of_link6, place->link6, place->out6)
FROM6(of_mapped6, six("::ffff:192.0.2.1"), place->out6)
FROM6(to_peer6, place->own6, place->peer6)
FROM6(to_peer6_of_link, place->link6, place->peer6)
FROM6(to_peer6_of_host, place->host6, place->peer6)
FROM6(to_peer6_of_itself, place->peer6, place->peer6)
FROM6(to_loopback6, place->own6, in6addr_loopback)
FROM6(to_nodes6, place->own6, six("ff02::1"))
FROM6(to_site6, place->own6, six("ff05::1"))
FROM6(to_world6, place->own6, six("ff0e::1"))

/* A frame's own address is nothing to the host: what comes out bears the host's. */
static bool other_mac(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	static const uint8_t other[6] = { 2, 0, 0, 0, 0, 0x66 };
	bool more = udp4(place, part, text, frame, place->own4, place->out4);

	memcpy(frame->bytes + 6, other, sizeof other);
	return more;
}

/* -- other layers below -- */

static bool tagged(const struct place *place, unsigned part, const char *text, struct frame *frame, uint16_t outer, const uint16_t *vids, size_t count, in_addr_t from)
{
	frame_ethernet(frame, place->gateway, place->mac, outer);
	for (size_t i = 0; i < count; i++)
		frame_tag(frame, vids[i], i + 1 < count ? VLAN_TYPE : ETHERTYPE_IP);
	frame_ipv4(frame, &(struct frame_ipv4){ .from = from, .to = place->out4, .protocol = IPPROTO_UDP }, UDP + strlen(text));
	frame_udp(frame, PORT, PORT, text);
	return part == 0;
}

static bool vlan(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	return tagged(place, part, text, frame, VLAN_TYPE, (const uint16_t[]){ 100 }, 1, place->own4);
}

static bool vlan_priority(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	return tagged(place, part, text, frame, VLAN_TYPE, (const uint16_t[]){ 0 }, 1, place->peer4);
}

static bool vlan_twice(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	return tagged(place, part, text, frame, QINQ_TYPE, (const uint16_t[]){ 100, 200 }, 2, place->own4);
}

static bool raw(const struct place *place, unsigned part, const char *text, struct frame *frame, const uint8_t to[6], uint16_t type)
{
	frame_ethernet(frame, to, place->mac, type);
	frame_bytes(frame, text, strlen(text));
	frame_bytes(frame, (const uint8_t[46]){ 0 }, 46);
	return part == 0;
}

#define RAW(name, type, ...) \
	static bool name(const struct place *place, unsigned part, const char *text, struct frame *frame) \
	{ \
		return raw(place, part, text, frame, (const uint8_t[6]){ __VA_ARGS__ }, type); \
	}

RAW(mpls, MPLS_TYPE, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
RAW(eapol, EAPOL_TYPE, 1, 0x80, 0xc2, 0, 0, 3)
RAW(lldp, LLDP_TYPE, 1, 0x80, 0xc2, 0, 0, 0x0e)
RAW(spanning_tree, 60, 1, 0x80, 0xc2, 0, 0, 0)
RAW(own_protocol, 0x88b5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
RAW(short_ip, ETHERTYPE_IP, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
RAW(short_ip6, ETHERTYPE_IPV6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)

/* -- who has which address -- */

/* RFC 826: a claim to everybody. */
static bool arp(const struct place *place, unsigned part, const char *text, struct frame *frame, in_addr_t claimed, uint16_t operation)
{
	const uint16_t head[] = { htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), htons(6 << 8 | 4), htons(operation) };

	frame_ethernet(frame, (const uint8_t[6]){ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, place->mac, ETHERTYPE_ARP);
	frame_bytes(frame, head, sizeof head);
	for (int i = 0; i < 2; i++) {
		frame_bytes(frame, place->mac, 6);
		frame_bytes(frame, &claimed, sizeof claimed);
	}
	frame_bytes(frame, text, strlen(text));
	return part == 0;
}

#define ARP(name, claimed, operation) \
	static bool name(const struct place *place, unsigned part, const char *text, struct frame *frame) \
	{ \
		return arp(place, part, text, frame, claimed, operation); \
	}

ARP(arp_peer, place->peer4, ARPOP_REPLY)
ARP(arp_outside, place->out4, ARPOP_REPLY)
ARP(arp_gateway, inet_addr("169.254.0.1"), ARPOP_REPLY)
ARP(arp_asks_as_peer, place->peer4, ARPOP_REQUEST)

/* RFC 4861, 4.4: with the flags solicited and override, and our link address. */
static bool advertise(const struct place *place, unsigned part, const char *text, struct frame *frame, const struct in6_addr *claimed)
{
	struct in6_addr nodes = six("ff02::1");
	struct {
		uint32_t flags;
		struct in6_addr target;
		uint8_t option[8], rest[48];
	} body = { .flags = htonl(0x60000000), .target = *claimed, .option = { 2, 1 } };
	size_t size = sizeof body - sizeof body.rest + strlen(text);

	memcpy(body.option + 2, place->mac, 6);
	memcpy(body.rest, text, strlen(text));
	frame_ethernet(frame, place->gateway, place->mac, ETHERTYPE_IPV6);
	frame_ipv6(frame, &place->link6, &nodes, IPPROTO_ICMPV6, 255, 4 + size);
	frame_icmpv6(frame, ND_NEIGHBOR_ADVERT, 0, &body, size);
	return part == 0;
}

static bool nd_peer(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	return advertise(place, part, text, frame, &place->peer6);
}

static bool nd_outside(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	return advertise(place, part, text, frame, &place->out6);
}

/* RFC 4861, 4.2: a router for everything, with a network to take addresses of, and a resolver (RFC 8106). */
static bool router(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	struct in6_addr nodes = six("ff02::1"), prefix = six("2001:db8:666::"), us = place->link6;
	struct {
		uint8_t hops, flags;
		uint16_t lifetime;
		uint32_t times[2];
		uint8_t link[8];
		uint8_t option[4];
		uint32_t valid, preferred, reserved;
		struct in6_addr prefix;
		uint8_t resolver[4];
		uint32_t resolver_time;
		struct in6_addr resolver_address;
		uint8_t rest[48];
	} body = { .hops = 64, .lifetime = htons(1800), .link = { 1, 1 }, .option = { 3, 4, 64, 0xc0 }, .valid = htonl(86400), .preferred = htonl(86400),
		   .prefix = prefix, .resolver = { 25, 3 }, .resolver_time = htonl(1800), .resolver_address = us };
	size_t size = sizeof body - sizeof body.rest;

	(void)text;
	memcpy(body.link + 2, place->mac, 6);
	frame_ethernet(frame, place->gateway, place->mac, ETHERTYPE_IPV6);
	frame_ipv6(frame, &place->link6, &nodes, IPPROTO_ICMPV6, 255, 4 + size);
	frame_icmpv6(frame, ND_ROUTER_ADVERT, 0, &body, size);
	return part == 0;
}

/* RFC 4861, 4.5: what is for the server outside, come to us. */
static bool redirect(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	struct in6_addr from = six("fe80::1");
	struct {
		uint32_t reserved;
		struct in6_addr target, destination;
	} body = { .target = place->link6, .destination = place->out6 };

	(void)text;
	frame_ethernet(frame, place->gateway, place->mac, ETHERTYPE_IPV6);
	frame_ipv6(frame, &from, &place->host6, IPPROTO_ICMPV6, 255, 4 + sizeof body);
	frame_icmpv6(frame, ND_REDIRECT, 0, &body, sizeof body);
	return part == 0;
}

/* -- ways around -- */

/* RFC 791, 3.1: by way of the host to somebody it should not reach; kind 131 is loose, 137 strict. */
static bool source_route(const struct place *place, unsigned part, const char *text, struct frame *frame, uint8_t kind)
{
	uint8_t options[8] = { kind, 7, 4 };

	memcpy(options + 3, &place->peer4, 4);
	frame_ethernet(frame, place->gateway, place->mac, ETHERTYPE_IP);
	frame_ipv4(frame, &(struct frame_ipv4){ .from = place->own4, .to = part == 0 ? place->host4 : inet_addr("169.254.0.1"), .protocol = IPPROTO_UDP,
						 .options = options, .option_size = sizeof options }, UDP + strlen(text));
	frame_udp(frame, PORT, PORT, text);
	return part < 2;
}

static bool source_loose(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	return source_route(place, part, text, frame, 131);
}

static bool source_strict(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	return source_route(place, part, text, frame, 137);
}

/* RFC 8200, 4.4; types 0 (RFC 5095 forbids it), 2 (RFC 6275), 4 (RFC 8754). */
static bool routing(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	static const uint8_t types[] = { 0, 2, 4 };
	uint8_t header[24] = { IPPROTO_UDP, 2, part < 3 ? types[part] : 0, 1 };

	memcpy(header + 8, &place->peer6, 16);
	frame_ethernet(frame, place->gateway, place->mac, ETHERTYPE_IPV6);
	frame_ipv6(frame, &place->own6, &place->host6, IPPROTO_ROUTING, 64, sizeof header + UDP + strlen(text));
	frame_bytes(frame, header, sizeof header);
	frame_udp6(frame, &place->own6, &place->peer6, PORT, PORT, text);
	return part < 3;
}

/* A packet for another container within one for the host, its way of unpacking it being a number of a protocol. */
static bool tunnel(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	static const uint8_t protocols[] = { IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_GRE, IPPROTO_ESP, IPPROTO_MPLS };
	static const uint8_t gre[4] = { 0, 0, 8, 0 };
	uint8_t protocol = part < sizeof protocols ? protocols[part] : 0;
	size_t inner = (protocol == IPPROTO_IPV6 ? 40 : 20) + UDP + strlen(text), extra = protocol == IPPROTO_GRE ? sizeof gre : 0;

	frame_ethernet(frame, place->gateway, place->mac, ETHERTYPE_IP);
	frame_ipv4(frame, &(struct frame_ipv4){ .from = place->own4, .to = place->host4, .protocol = protocol }, extra + inner);
	frame_bytes(frame, gre, extra);
	if (protocol == IPPROTO_IPV6) {
		frame_ipv6(frame, &place->host6, &place->peer6, IPPROTO_UDP, 64, UDP + strlen(text));
		frame_udp6(frame, &place->host6, &place->peer6, PORT, PORT, text);
	} else {
		frame_ipv4(frame, &(struct frame_ipv4){ .from = place->host4, .to = place->peer4, .protocol = IPPROTO_UDP }, UDP + strlen(text));
		frame_udp(frame, PORT, PORT, text);
	}
	return part < sizeof protocols;
}

/* To another container in pieces: the first ends before the ports do; then one that writes over it; then one that is all alone. */
static bool fragments(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	static const struct {
		uint16_t offset, id;
		bool more;
	} parts[] = { { 0, 7, true }, { 8, 7, false }, { 0, 8, true }, { 0, 8, true }, { 8, 8, false }, { 8, 9, false }, { 65528, 10, false } };

	if (part >= sizeof parts / sizeof *parts)
		return false;
	frame_ethernet(frame, place->gateway, place->mac, ETHERTYPE_IP);
	size_t size = parts[part].offset == 0 ? 8 : strlen(text) / 8 * 8 + 8;
	frame_ipv4(frame, &(struct frame_ipv4){ .from = place->own4, .to = place->peer4, .protocol = IPPROTO_UDP, .offset = parts[part].offset,
						.id = parts[part].id, .more = parts[part].more }, size);
	if (parts[part].offset == 0)
		frame_udp(frame, PORT, PORT, "");
	else
		frame_bytes(frame, text, strlen(text));
	if (parts[part].offset != 0)
		frame_bytes(frame, (const uint8_t[8]){ 0 }, size - strlen(text));
	return true;
}

/* The same of IPv6 (RFC 8200, 4.5), and of somebody else's address. */
static bool fragments6(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	const struct in6_addr *from = part < 2 ? &place->own6 : &place->peer6, *to = part < 2 ? &place->peer6 : &place->out6;
	struct ip6_frag header = { .ip6f_nxt = IPPROTO_UDP, .ip6f_offlg = part % 2 == 0 ? IP6F_MORE_FRAG : htons(8), .ip6f_ident = htonl(part / 2 + 1) };
	size_t size = part % 2 == 0 ? 8 : strlen(text);

	frame_ethernet(frame, place->gateway, place->mac, ETHERTYPE_IPV6);
	frame_ipv6(frame, from, to, IPPROTO_FRAGMENT, 64, sizeof header + size);
	frame_bytes(frame, &header, sizeof header);
	if (part % 2 == 0) {
		frame_udp6(frame, from, to, PORT, PORT, text);
		frame->size -= strlen(text); /* which is the other's */
	} else {
		frame_bytes(frame, text, strlen(text));
	}
	return part < 4;
}

/* An error about a connection of another container's (RFC 792), to who is at its other end. */
static bool error_about_peer(const struct place *place, unsigned part, const char *text, struct frame *frame)
{
	static const uint8_t unreachable[8] = { 3, 3 };

	frame_ethernet(frame, place->gateway, place->mac, ETHERTYPE_IP);
	frame_ipv4(frame, &(struct frame_ipv4){ .from = place->own4, .to = part == 0 ? place->peer4 : place->host4, .protocol = IPPROTO_ICMP },
		   sizeof unreachable + 28 + strlen(text));
	frame_bytes(frame, unreachable, sizeof unreachable);
	frame_ipv4(frame, &(struct frame_ipv4){ .from = place->peer4, .to = place->out4, .protocol = IPPROTO_UDP }, UDP + strlen(text));
	frame_udp(frame, PORT, PORT, text);
	return part < 2;
}

const struct probe probes[] = {
	{ "own-address", true, own },
	{ "own-address-6", true, own6 },
	{ "other-link-address", true, other_mac },
	{ "from-another-container", false, of_peer },
	{ "from-the-host", false, of_host },
	{ "from-an-address-outside", false, of_outside },
	{ "from-loopback", false, of_loopback },
	{ "from-no-address", false, of_nobody },
	{ "from-broadcast", false, of_all },
	{ "from-the-gateway", false, of_gateway },
	{ "from-another-container-6", false, of_peer6 },
	{ "from-the-host-6", false, of_host6 },
	{ "from-an-address-outside-6", false, of_outside6 },
	{ "from-loopback-6", false, of_loopback6 },
	{ "from-no-address-6", false, of_nobody6 },
	{ "from-link-local-6", false, of_link6 },
	{ "from-mapped-ipv4-6", false, of_mapped6 },
	{ "to-another-container", false, to_peer },
	{ "to-it-from-the-host", false, to_peer_of_host },
	{ "to-it-from-the-gateway", false, to_peer_of_gateway },
	{ "to-it-from-itself", false, to_peer_of_itself },
	{ "to-another-container-6", false, to_peer6 },
	{ "to-it-from-link-local-6", false, to_peer6_of_link },
	{ "to-it-from-the-host-6", false, to_peer6_of_host },
	{ "to-it-from-itself-6", false, to_peer6_of_itself },
	{ "to-metadata", false, to_metadata },
	{ "to-loopback", false, to_loopback },
	{ "to-loopback-6", false, to_loopback6 },
	{ "to-broadcast", false, to_broadcast },
	{ "to-the-network-outside", false, to_network },
	{ "to-multicast", false, to_multicast },
	{ "to-all-nodes-6", false, to_nodes6 },
	{ "to-site-multicast-6", false, to_site6 },
	{ "to-world-multicast-6", false, to_world6 },
	{ "vlan", false, vlan },
	{ "vlan-0-from-another", false, vlan_priority },
	{ "vlan-in-vlan", false, vlan_twice },
	{ "mpls", false, mpls },
	{ "eapol", false, eapol },
	{ "lldp", false, lldp },
	{ "spanning-tree", false, spanning_tree },
	{ "unknown-protocol", false, own_protocol },
	{ "ip-that-is-none", false, short_ip },
	{ "ip-that-is-none-6", false, short_ip6 },
	{ "arp-for-another-container", false, arp_peer },
	{ "arp-for-a-server-outside", false, arp_outside },
	{ "arp-for-the-gateway", false, arp_gateway },
	{ "arp-asking-as-another", false, arp_asks_as_peer },
	{ "nd-for-another-container-6", false, nd_peer },
	{ "nd-for-a-server-outside-6", false, nd_outside },
	{ "router-advertisement-6", false, router },
	{ "redirect-6", false, redirect },
	{ "loose-source-route", false, source_loose },
	{ "strict-source-route", false, source_strict },
	{ "routing-header-6", false, routing },
	{ "tunnels-to-the-host", false, tunnel },
	{ "fragments-to-another", false, fragments },
	{ "fragments-6", false, fragments6 },
	{ "icmp-error-about-another", false, error_about_peer },
};
const size_t probe_count = sizeof probes / sizeof *probes;
