/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/lease.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"

enum { LEASE_LIST_MAX = 1024, LEASE_PREFIX_DEFAULT = 24 };

static bool address_read(const char *text, uint8_t prefix, struct hostcfg_address *address)
{
	*address = (struct hostcfg_address){ .family = AF_INET, .prefix = prefix };
	return inet_pton(AF_INET, text, &address->v4) == 1;
}

static bool number_read(const char *text, uint64_t max, uint64_t *ret_number)
{
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || number > max)
		return false;
	*ret_number = number;
	return true;
}

/* The mask comes as a prefix length in "mask", and dotted in "subnet". */
static uint8_t prefix_read(const char *(*get)(const char *name))
{
	uint64_t prefix;
	struct in_addr mask;

	if (number_read(get("mask"), 32, &prefix))
		return (uint8_t)prefix;
	const char *subnet = get("subnet");
	if (subnet != NULL && inet_pton(AF_INET, subnet, &mask) == 1)
		return (uint8_t)__builtin_popcount(mask.s_addr);
	return LEASE_PREFIX_DEFAULT;
}

/* RFC 3442, as udhcpc writes it: "<address>/<prefix> <gateway> ...". */
static void routes_read(const char *text, struct lease *lease)
{
	char list[LEASE_LIST_MAX];
	char *rest = list;

	if ((size_t)snprintf(list, sizeof list, "%s", text) >= sizeof list)
		return;
	while (lease->route_count < LEASE_ROUTES_MAX) {
		char *to = strsep(&rest, " "), *gateway = rest == NULL ? NULL : strsep(&rest, " ");
		struct lease_route *route = &lease->routes[lease->route_count];
		uint64_t prefix;

		if (to == NULL || gateway == NULL)
			return;
		char *slash = strchr(to, '/');
		if (slash == NULL)
			return;
		*slash = '\0';
		if (!number_read(slash + 1, 32, &prefix) || !address_read(to, (uint8_t)prefix, &route->to) ||
		    !address_read(gateway, 32, &route->gateway))
			return;
		lease->route_count++;
	}
}

static void dns_read(const char *text, struct lease *lease)
{
	char list[LEASE_LIST_MAX];
	char *rest = list;

	if (text == NULL || (size_t)snprintf(list, sizeof list, "%s", text) >= sizeof list)
		return;
	for (char *word; lease->dns_count < LEASE_DNS_MAX && (word = strsep(&rest, " ")) != NULL;)
		if (address_read(word, 32, &lease->dns[lease->dns_count]))
			lease->dns_count++;
}

int lease_read(const char *(*get)(const char *name), struct lease *ret_lease, struct error *err)
{
	const char *address = get("ip"), *routes = get("staticroutes"), *router = get("router");
	struct lease lease = { 0 };
	uint64_t seconds;

	if (address == NULL || !address_read(address, prefix_read(get), &lease.address))
		return error_set(err, EINVAL, "the DHCP server gave no valid address");
	if (number_read(get("lease"), UINT32_MAX - 1, &seconds))
		lease.seconds = (uint32_t)seconds;
	if (routes != NULL && routes[0] != '\0')
		routes_read(routes, &lease);
	/* With classless routes the router option is void (RFC 3442), if they could be read. */
	if (lease.route_count == 0 && router != NULL) {
		char first[64];

		snprintf(first, sizeof first, "%.*s", (int)strcspn(router, " "), router);
		struct lease_route *route = &lease.routes[0];
		route->to = (struct hostcfg_address){ .family = AF_INET };
		if (address_read(first, 32, &route->gateway))
			lease.route_count = 1;
	}
	dns_read(get("dns"), &lease);
	*ret_lease = lease;
	return 0;
}
