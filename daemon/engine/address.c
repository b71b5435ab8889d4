/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/address.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "daemon/lib/error.h"
#include "daemon/lib/hostcfg.h"

int address_check4(const struct hostcfg_address *pool, uint32_t ipv4, struct error *err)
{
	uint32_t mask = pool->prefix == 0 ? 0 : ~UINT32_C(0) << (32 - pool->prefix);
	uint32_t net = ntohl(pool->v4.s_addr) & mask;
	uint32_t address = ntohl(ipv4);
	char text[INET_ADDRSTRLEN] = "";

	inet_ntop(AF_INET, &ipv4, text, sizeof text);
	if ((address & mask) != net)
		return error_field(err, "ipv4", "%s lies outside the pool of container addresses", text);
	if (address == net || address == (net | ~mask))
		return error_field(err, "ipv4", "%s is the network or broadcast address of the pool", text);
	return 0;
}

int address_check6(const uint8_t ipv6[16], struct error *err)
{
	if (ipv6[0] != 0xfd)
		return error_field(err, "ipv6", "the address is not a unique local one (fd00::/8)");
	return 0;
}

int address_check_ids(uint32_t id_base, struct error *err)
{
	if (id_base < ID_FIRST || (id_base - ID_FIRST) % ID_RANGE != 0 || id_base > UINT32_MAX - 2 * (uint32_t)ID_RANGE)
		return error_field(err, "id_base", "%u is not the start of a range of container ids", id_base);
	return 0;
}

void address_links(const char id[ID_TEXT], char host[LINK_TEXT], char peer[LINK_TEXT])
{
	snprintf(host, LINK_TEXT, "h%.10s", id);
	snprintf(peer, LINK_TEXT, "c%.10s", id);
}
