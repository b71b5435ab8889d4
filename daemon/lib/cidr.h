/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cidr: networks of IPv4 (RFC 4632) and IPv6 (RFC 4291).
 */
#ifndef BULKHEAD_CIDR_H
#define BULKHEAD_CIDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

enum { CIDR_TEXT = INET6_ADDRSTRLEN + 4 };

/* A network; an address is one of full length. */
struct cidr {
	uint8_t family, prefix; /* AF_INET, AF_INET6 */
	uint8_t bytes[16];      /* network byte order; bits behind the prefix are 0 */
};

/* "10.0.0.0/8", "2001:db8::1". A network with bits behind its prefix is refused. -1 with err without a field. */
int cidr_parse(const char *text, struct cidr *ret_cidr, struct error *err);

/* Whether what came as bytes is one. */
bool cidr_valid(const struct cidr *cidr);

void cidr_format(const struct cidr *cidr, char text[CIDR_TEXT]);
bool cidr_holds(const struct cidr *outer, const struct cidr *inner);

#endif
