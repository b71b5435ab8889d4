/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/lib/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/error.h"

static unsigned full_length(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

/* All behind the prefix, also what IPv4 has no use for. */
static bool rest_is_zero(const struct cidr *cidr)
{
	for (unsigned byte = cidr->prefix / 8; byte < sizeof cidr->bytes; byte++) {
		unsigned mask = byte == cidr->prefix / 8U ? 0xffU >> cidr->prefix % 8 : 0xff;
		if ((cidr->bytes[byte] & mask) != 0)
			return false;
	}
	return true;
}

bool cidr_valid(const struct cidr *cidr)
{
	return (cidr->family == AF_INET || cidr->family == AF_INET6) && cidr->prefix <= full_length(cidr->family) && rest_is_zero(cidr);
}

int cidr_parse(const char *text, struct cidr *ret_cidr, struct error *err)
{
	char address[INET6_ADDRSTRLEN];
	struct cidr cidr = { 0 };
	const char *slash = strchr(text, '/');
	size_t size = slash == NULL ? strlen(text) : (size_t)(slash - text);
	unsigned long prefix = 0;

	if (size >= sizeof address)
		return error_set(err, EINVAL, "'%.64s' is not an address", text);
	memcpy(address, text, size);
	address[size] = '\0';
	if (inet_pton(AF_INET, address, cidr.bytes) == 1)
		cidr.family = AF_INET;
	else if (inet_pton(AF_INET6, address, cidr.bytes) == 1)
		cidr.family = AF_INET6;
	else
		return error_set(err, EINVAL, "'%.64s' is not an address such as 192.0.2.0/24 or 2001:db8::/32", text);
	unsigned full = full_length(cidr.family);
	if (slash != NULL) {
		size_t digits = strspn(slash + 1, "0123456789");
		prefix = strtoul(slash + 1, NULL, 10);
		if (digits == 0 || digits > 3 || slash[1 + digits] != '\0' || prefix > full || (digits > 1 && slash[1] == '0'))
			return error_set(err, EINVAL, "'%.64s': the prefix length is not 0 to %u", text, full);
	}
	cidr.prefix = (uint8_t)(slash == NULL ? full : prefix);
	if (!rest_is_zero(&cidr))
		return error_set(err, EINVAL, "'%.64s' is an address within a network, not a network: bits behind its prefix are set", text);
	*ret_cidr = cidr;
	return 0;
}

void cidr_format(const struct cidr *cidr, char text[CIDR_TEXT])
{
	inet_ntop(cidr->family, cidr->bytes, text, INET6_ADDRSTRLEN);
	if (cidr->prefix != full_length(cidr->family))
		snprintf(text + strlen(text), 5, "/%u", cidr->prefix);
}

bool cidr_holds(const struct cidr *outer, const struct cidr *inner)
{
	if (outer->family != inner->family || outer->prefix > inner->prefix)
		return false;
	unsigned whole = outer->prefix / 8, rest = outer->prefix % 8;
	if (memcmp(outer->bytes, inner->bytes, whole) != 0)
		return false;
	return rest == 0 || ((outer->bytes[whole] ^ inner->bytes[whole]) & 0xff << (8 - rest) & 0xff) == 0;
}
