/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/element.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <string.h>
#include <stdlib.h>

#include "daemon/engine/firewall.h"
#include "daemon/engine/netlink.h"
#include "daemon/lib/error.h"

enum { ELEMENT_KEY_MAX = IFNAMSIZ + 16 };

struct key {
	const char *set;
	uint8_t bytes[ELEMENT_KEY_MAX]; /* link name padded to 16 bytes, then the address */
	uint32_t size;
};

static int message_put(struct mnl_nlmsg_batch *batch, uint16_t type, uint16_t flags, uint32_t seq,
		       const struct key *key)
{
	struct nftnl_set *set = nftnl_set_alloc();
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();

	if (set == NULL || elem == NULL) {
		nftnl_set_free(set);
		nftnl_set_elem_free(elem);
		errno = ENOMEM;
		return -1;
	}
	nftnl_set_set_str(set, NFTNL_SET_TABLE, FIREWALL_TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, key->set);
	nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, key->bytes, key->size);
	nftnl_set_elem_add(set, elem); /* the set owns it now */

	struct nlmsghdr *header =
		nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), type, NFPROTO_INET, flags | NLM_F_ACK, seq);
	nftnl_set_elems_nlmsg_build_payload(header, set);
	nftnl_set_free(set);
	mnl_nlmsg_batch_next(batch);
	return 0;
}

static int transaction(uint16_t type, uint16_t flags, const struct key *keys, size_t count, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[8192];
	uint32_t seq = 1;

	struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(buffer, sizeof buffer / 2);
	if (batch == NULL)
		return error_set(err, ENOMEM, "no memory for a firewall transaction");
	nftnl_batch_begin(mnl_nlmsg_batch_current(batch), seq++);
	mnl_nlmsg_batch_next(batch);
	int result = 0;
	for (size_t i = 0; result == 0 && i < count; i++)
		result = message_put(batch, type, flags, seq++, &keys[i]);
	uint32_t last = seq - 1;
	nftnl_batch_end(mnl_nlmsg_batch_current(batch), seq);
	mnl_nlmsg_batch_next(batch);
	if (result == -1)
		error_set(err, ENOMEM, "no memory for a firewall element");
	else
		result = netlink_talk(NETLINK_NETFILTER, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch), last,
				      NULL, NULL, err);
	mnl_nlmsg_batch_stop(batch);
	return result;
}

static void keys_fill(struct key keys[3], const char *link, uint32_t ipv4, const uint8_t ipv6[16])
{
	memset(keys, 0, 3 * sizeof *keys);
	keys[0] = (struct key){ .set = "live", .size = IFNAMSIZ };
	keys[1] = (struct key){ .set = "src4", .size = IFNAMSIZ + sizeof ipv4 };
	keys[2] = (struct key){ .set = "src6", .size = IFNAMSIZ + 16 };
	for (size_t i = 0; i < 3; i++)
		memcpy(keys[i].bytes, link, strnlen(link, IFNAMSIZ - 1));
	memcpy(keys[1].bytes + IFNAMSIZ, &ipv4, sizeof ipv4);
	memcpy(keys[2].bytes + IFNAMSIZ, ipv6, 16);
}

int element_add(const char *link, uint32_t ipv4, const uint8_t ipv6[16], struct error *err)
{
	struct key keys[3];

	keys_fill(keys, link, ipv4, ipv6);
	if (transaction(NFT_MSG_NEWSETELEM, NLM_F_CREATE, keys, 3, err) == -1)
		return error_wrap(err, "cannot open the firewall for %s", link);
	return 0;
}

int element_remove(const char *link, uint32_t ipv4, const uint8_t ipv6[16], struct error *err)
{
	struct key keys[3];

	/* One by one: in one transaction a missing element would keep the others alive. */
	keys_fill(keys, link, ipv4, ipv6);
	for (size_t i = 0; i < 3; i++)
		if (transaction(NFT_MSG_DELSETELEM, 0, &keys[i], 1, err) == -1 && err->code != ENOENT)
			return error_wrap(err, "cannot close the firewall for %s", link);
	return 0;
}

static int element_cb(struct nftnl_set_elem *elem, void *data)
{
	uint32_t *count = data;

	(void)elem;
	(*count)++;
	return 0;
}

static int count_cb(const struct nlmsghdr *header, void *data)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (set != NULL && nftnl_set_elems_nlmsg_parse(header, set) == 0)
		nftnl_set_elem_foreach(set, element_cb, data);
	nftnl_set_free(set);
	return MNL_CB_OK;
}

int element_count(uint32_t *ret_count, struct error *err)
{
	_Alignas(struct nlmsghdr) char buffer[1024];
	uint32_t count = 0;

	struct nftnl_set *set = nftnl_set_alloc();
	if (set == NULL)
		return error_set(err, ENOMEM, "no memory to count firewall elements");
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, 1);
	nftnl_set_set_str(set, NFTNL_SET_TABLE, FIREWALL_TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, "live");
	nftnl_set_elems_nlmsg_build_payload(header, set);
	nftnl_set_free(set);
	if (netlink_talk(NETLINK_NETFILTER, header, header->nlmsg_len, 0, count_cb, &count, err) == -1)
		return error_wrap(err, "cannot count live containers in the firewall");
	*ret_count = count;
	return 0;
}
