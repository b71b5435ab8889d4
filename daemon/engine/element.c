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
#include "daemon/engine/tally.h"
#include "daemon/lib/error.h"

enum { ELEMENT_KEY_MAX = IFNAMSIZ + 16 };

struct key {
	const char *set;
	uint8_t bytes[ELEMENT_KEY_MAX]; /* link name padded to 16 bytes, then the address */
	uint32_t size;
	uint32_t mark;                  /* of a map, what the key leads to; 0: it is no map */
};

/* One thing to do to an element. */
struct step {
	uint16_t type, flags;
	const struct key *key;
};

static int message_put(struct mnl_nlmsg_batch *batch, const struct step *step, uint32_t seq)
{
	const struct key *key = step->key;
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
	if (key->mark != 0 && step->type == NFT_MSG_NEWSETELEM)
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_DATA, &key->mark, sizeof key->mark);
	nftnl_set_elem_add(set, elem); /* the set owns it now */

	struct nlmsghdr *header =
		nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), step->type, NFPROTO_INET, step->flags | NLM_F_ACK, seq);
	nftnl_set_elems_nlmsg_build_payload(header, set);
	nftnl_set_free(set);
	mnl_nlmsg_batch_next(batch);
	return 0;
}

static int transaction(const struct step *steps, size_t count, struct error *err)
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
		result = message_put(batch, &steps[i], seq++);
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
	const struct step steps[] = {
		{ NFT_MSG_NEWSETELEM, NLM_F_CREATE, &keys[0] },
		{ NFT_MSG_NEWSETELEM, NLM_F_CREATE, &keys[1] },
		{ NFT_MSG_NEWSETELEM, NLM_F_CREATE, &keys[2] },
	};
	if (transaction(steps, 3, err) == -1)
		return error_wrap(err, "cannot open the firewall for %s", link);
	return 0;
}

int element_remove(const char *link, uint32_t ipv4, const uint8_t ipv6[16], struct error *err)
{
	struct key keys[3];

	/* One by one: in one transaction a missing element would keep the others alive. */
	keys_fill(keys, link, ipv4, ipv6);
	for (size_t i = 0; i < 3; i++)
		if (transaction(&(struct step){ NFT_MSG_DELSETELEM, 0, &keys[i] }, 1, err) == -1 && err->code != ENOENT)
			return error_wrap(err, "cannot close the firewall for %s", link);
	return 0;
}

static void link_put(struct key *key, size_t at, const char *link)
{
	memcpy(key->bytes + at, link, strnlen(link, IFNAMSIZ - 1));
}

static struct key map_key(const char *map, const char *link, uint32_t mark)
{
	struct key key = { .set = map, .size = IFNAMSIZ, .mark = mark };

	link_put(&key, 0, link);
	return key;
}

static struct key member_key(const char *link, uint32_t group)
{
	struct key key = { .set = "members", .size = sizeof group + IFNAMSIZ };

	memcpy(key.bytes, &group, sizeof group);
	link_put(&key, sizeof group, link);
	return key;
}

int element_marks_set(const char *link, const struct element_marks *before, const struct element_marks *now, struct error *err)
{
	const uint32_t left[] = { before->container, before->project, before->realm };
	const uint32_t joined[] = { now->container, now->project, now->realm };
	struct key maps[] = { map_key("class", link, now->class), map_key("realm_of", link, now->realm) }, members[6];
	struct step steps[10];
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		steps[count++] = (struct step){ NFT_MSG_DESTROYSETELEM, 0, &maps[i] };
		if (maps[i].mark != 0)
			steps[count++] = (struct step){ NFT_MSG_NEWSETELEM, NLM_F_CREATE, &maps[i] };
	}
	for (size_t i = 0; i < 3; i++) {
		members[i] = member_key(link, left[i]);
		members[3 + i] = member_key(link, joined[i]);
		if (left[i] != 0 && left[i] != joined[i])
			steps[count++] = (struct step){ NFT_MSG_DESTROYSETELEM, 0, &members[i] };
		if (joined[i] != 0)
			steps[count++] = (struct step){ NFT_MSG_NEWSETELEM, NLM_F_CREATE, &members[3 + i] };
	}
	if (transaction(steps, count, err) == -1)
		return error_wrap(err, now->class == 0 ? "cannot take the rules of %s away" : "cannot put rules in force for %s", link);
	return 0;
}

static void element_counted(const uint8_t *key, size_t size, void *data)
{
	uint32_t *count = data;

	(void)key;
	(void)size;
	(*count)++;
}

int element_count(uint32_t *ret_count, struct error *err)
{
	*ret_count = 0;
	return tally_elements("live", element_counted, ret_count, err);
}
