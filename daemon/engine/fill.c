/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/fill.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/firewall.h"
#include "daemon/engine/netlink.h"
#include "daemon/lib/address_set.h"
#include "daemon/lib/error.h"
#include "daemon/lib/fd.h"

enum {
	RANGES_MESSAGE = 500,  /* an attribute, here the list of elements, has at most 64 KiB */
	RANGE_BYTES = 2 * 40,  /* an element for each end: four attribute heads, 16 bytes of address, flags */
	MESSAGE_BYTES = 256,   /* of heads and names */
	FIXED_MESSAGES = 6,    /* begin, end, for each family the set and what is left over */
	TYPE_IPV4 = 7, TYPE_IPV6 = 8, /* as nft(8) calls the types of keys (its datatype.h); the kernel only keeps them for it */
};

struct writing {
	char *at;
	struct nlmsghdr *last;
	unsigned seq;
};

static struct nlmsghdr *elements_begin(struct writing *writing, const char *set)
{
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(writing->at, NFT_MSG_NEWSETELEM, NFPROTO_INET, NLM_F_CREATE, writing->seq++);

	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, FIREWALL_TABLE);
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, set);
	return header;
}

static void message_end(struct writing *writing, struct nlmsghdr *header)
{
	writing->last = header;
	writing->at += MNL_ALIGN(header->nlmsg_len);
}

static int set_put(struct writing *writing, const char *name, bool v4, struct error *err)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (set == NULL)
		return error_set(err, ENOMEM, "no memory for a set of networks");
	nftnl_set_set_str(set, NFTNL_SET_TABLE, FIREWALL_TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_INTERVAL);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, v4 ? TYPE_IPV4 : TYPE_IPV6);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, v4 ? 4 : 16);
	nftnl_set_set_u32(set, NFTNL_SET_ID, v4 ? 1 : 2); /* within the transaction */
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(writing->at, NFT_MSG_NEWSET, NFPROTO_INET, NLM_F_CREATE | NLM_F_EXCL, writing->seq++);
	nftnl_set_nlmsg_build_payload(header, set);
	nftnl_set_free(set);
	message_end(writing, header);
	return 0;
}

/* An end is the first address behind the range. */
static void element_put(struct nlmsghdr *header, const uint8_t *address, size_t size, bool end)
{
	struct nlattr *element = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
	struct nlattr *key = mnl_attr_nest_start(header, NFTA_SET_ELEM_KEY);

	mnl_attr_put(header, NFTA_DATA_VALUE, size, address);
	mnl_attr_nest_end(header, key);
	if (end)
		mnl_attr_put_u32(header, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	mnl_attr_nest_end(header, element);
}

/* The first address behind a network; false: there is none. */
static bool behind(const struct cidr *network, uint8_t address[16])
{
	size_t byte = network->prefix == 0 ? 0 : (network->prefix - 1U) / 8;
	unsigned step = 0x80U >> (network->prefix - 1U) % 8;

	memcpy(address, network->bytes, sizeof network->bytes);
	if (network->prefix == 0)
		return false;
	for (;; step = 1) {
		unsigned sum = address[byte] + step;
		address[byte] = (uint8_t)sum;
		if (sum <= UINT8_MAX)
			return true;
		if (byte-- == 0)
			return false;
	}
}

/* Those of one family, neighbours joined to one range. */
static void ranges_put(struct writing *writing, const char *set, const struct cidr *networks, size_t count, size_t size)
{
	struct nlmsghdr *header = NULL;
	struct nlattr *list = NULL;
	uint8_t next[16];

	for (size_t i = 0, ranges = 0; i < count; ranges++) {
		if (ranges % RANGES_MESSAGE == 0) {
			if (header != NULL) {
				mnl_attr_nest_end(header, list);
				message_end(writing, header);
			}
			header = elements_begin(writing, set);
			list = mnl_attr_nest_start(header, NFTA_SET_ELEM_LIST_ELEMENTS);
		}
		element_put(header, networks[i].bytes, size, false);
		bool more;
		do {
			more = behind(&networks[i++], next);
		} while (more && i < count && memcmp(networks[i].bytes, next, size) == 0);
		if (more)
			element_put(header, next, size, true);
	}
	if (header != NULL) {
		mnl_attr_nest_end(header, list);
		message_end(writing, header);
	}
}

int fill_sets(const char *set4, const char *set6, const struct address_set *addresses, struct error *err)
{
	size_t v4 = address_set_count(addresses, AF_INET), v6 = addresses->count - v4;
	cleanup_free char *buffer = calloc(1, addresses->count * RANGE_BYTES + (addresses->count / RANGES_MESSAGE + FIXED_MESSAGES) * MESSAGE_BYTES);
	struct writing writing = { .at = buffer, .seq = 1 };

	if (buffer == NULL)
		return error_set(err, ENOMEM, "no memory for %zu networks", addresses->count);
	message_end(&writing, nftnl_batch_begin(writing.at, writing.seq++));
	if (set_put(&writing, set4, true, err) == -1 || set_put(&writing, set6, false, err) == -1)
		return -1;
	ranges_put(&writing, set4, addresses->addresses, v4, 4);
	ranges_put(&writing, set6, addresses->addresses + v4, v6, 16);
	unsigned last = writing.seq - 1;
	writing.last->nlmsg_flags |= NLM_F_ACK;
	message_end(&writing, nftnl_batch_end(writing.at, writing.seq));
	return netlink_talk(NETLINK_NETFILTER, buffer, (size_t)(writing.at - buffer), last, NULL, NULL, err);
}
