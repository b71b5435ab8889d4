/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lease: what busybox udhcpc tells its script by environment variables, checked.
 * The values come from whoever answers DHCP on the wire.
 */
#ifndef BULKHEAD_LEASE_H
#define BULKHEAD_LEASE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/lib/hostcfg.h"

struct error;

enum { LEASE_ROUTES_MAX = 16, LEASE_DNS_MAX = 4 };

struct lease_route {
	struct hostcfg_address to;      /* prefix 0: default */
	struct hostcfg_address gateway; /* 0.0.0.0: on the link */
};

struct lease {
	struct hostcfg_address address;
	uint32_t seconds;               /* 0: for ever */
	size_t route_count;
	struct lease_route routes[LEASE_ROUTES_MAX];
	size_t dns_count;
	struct hostcfg_address dns[LEASE_DNS_MAX];
};

/* Reads a lease; get finds a variable (getenv(3)). */
int lease_read(const char *(*get)(const char *name), struct lease *ret_lease, struct error *err);

#endif
