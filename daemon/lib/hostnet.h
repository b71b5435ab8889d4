/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostnet: the network of the host, by rtnetlink(7). Every call is one
 * question to the kernel and its answer; none waits for a carrier, a router or
 * a server. What changes later is told by the monitor.
 */
#ifndef BULKHEAD_HOSTNET_H
#define BULKHEAD_HOSTNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hostcfg.h"

struct error;

enum {
	HOSTNET_LINKS_MAX = 64,
	HOSTNET_ADDRESSES_MAX = 128,
	HOSTNET_ADDRESS_TEXT = 50, /* "<address>/<prefix>" and NUL */
	HOSTNET_RESOLV_MAX = 1024,
};

struct hostnet_link {
	unsigned index;
	char name[16];
	uint8_t mac[6];
	bool ethernet; /* a port with a device behind it: no loopback, bridge, veth, dummy */
	bool up, carrier;
};

struct hostnet_address {
	unsigned index;               /* of its link */
	bool link_local;
	bool tentative;               /* duplicate address detection has not ended, or found a duplicate */
	struct hostcfg_address value;
};

/* Lists links, at most max of them; more are left out. */
int hostnet_links(struct hostnet_link *links, size_t max, size_t *ret_count, struct error *err);

/* Lists IPv4 and IPv6 addresses of all links. */
int hostnet_addresses(struct hostnet_address *addresses, size_t max, size_t *ret_count, struct error *err);

/* Sets a link up; mtu 0 leaves it. */
int hostnet_link_up(unsigned index, uint32_t mtu, struct error *err);

/*
 * Adds an address, or renews it. seconds 0: for ever; else the kernel removes it
 * then by itself, as an expired lease must be.
 */
int hostnet_address_add(unsigned index, const struct hostcfg_address *address, uint32_t seconds, struct error *err);

/* Removes an address; one that is not there is not an error. */
int hostnet_address_delete(unsigned index, const struct hostcfg_address *address, struct error *err);

struct hostnet_route {
	struct hostcfg_address to;      /* prefix 0: default route */
	struct hostcfg_address gateway; /* family 0: the destination itself is on the link */
	struct hostcfg_address source;  /* preferred source; family 0: the kernel's choice */
	uint32_t metric;                /* 0: the kernel's default */
	bool onlink;                    /* the gateway is on the link though no prefix says so */
};

/* Metrics of default routes: what the host config says comes first, then routers (1024, the kernel's), then leases. */
enum {
	HOSTNET_METRIC_STATIC6 = 512, /* IPv4 has 0, the kernel's default */
	HOSTNET_METRIC_LEASE = 1024,  /* plus the index of the link: each port has a route of its own */
	HOSTNET_METRIC_LEASE_MAX = 65535,
};

/* The metric of a leased route by this link. */
uint32_t hostnet_lease_metric(unsigned index);

/* Adds a route, or replaces the one with the same destination and metric. */
int hostnet_route_set(unsigned index, const struct hostnet_route *route, struct error *err);

/* The interface entry of cfg that matches the link, by MAC first, then by name; NULL if none. */
const struct hostcfg_interface *hostnet_match(const struct hostcfg *cfg, const struct hostnet_link *link);

/*
 * Brings a link to what its entry says: router advertisements on or off, up,
 * MTU, addresses, on-link gateways. entry NULL: up; IPv6 by router
 * advertisement, unless other links have entries of their own (named). All parts
 * are tried; the first error is told.
 */
int hostnet_apply(const struct hostnet_link *link, const struct hostcfg_interface *entry, bool named, struct error *err);

/* Sets the loopback link up. */
int hostnet_loopback(struct error *err);

/*
 * Writes the text of resolv.conf(5): the servers of cfg, else the given ones (of a lease).
 * Returns its length.
 */
size_t hostnet_resolv(const struct hostcfg *cfg, const struct hostcfg_address *leased, size_t leased_count,
		      char text[HOSTNET_RESOLV_MAX]);

/* "<address>/<prefix>", or without the prefix. */
void hostnet_address_text(const struct hostcfg_address *address, bool prefix, char text[HOSTNET_ADDRESS_TEXT]);

/*
 * A socket that becomes readable when a link or an address changed. The caller
 * closes it. hostnet_monitor_drain() empties it; what changed is asked anew.
 */
int hostnet_monitor(struct error *err);
void hostnet_monitor_drain(int fd);

#endif
